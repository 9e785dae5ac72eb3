package io.kith.server.verb;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Rows in aligned columns, with headings.
 *
 * <p>A table that would be wider than {@value #WIDTH} columns has what does not fit in lines of its
 * own under each row, so that a terminal does not wrap it somewhere.
 */
public final class Table {
  /** What fits most terminals. */
  public static final int WIDTH = 100;

  private final List<List<String>> rows = new ArrayList<>();

  public Table(String... headings) {
    rows.add(List.of(headings));
  }

  /** Adds a row with as many cells as there are headings. */
  public Table row(String... cells) {
    if (cells.length != rows.getFirst().size()) {
      throw new IllegalArgumentException(
          cells.length + " cells (expected: " + rows.getFirst().size() + ")");
    }
    rows.add(List.of(cells).stream().map(Words::safe).toList());
    return this;
  }

  /** Prints what was added. */
  public void print(PrintWriter out) {
    var widths = new int[rows.getFirst().size()];
    for (var row : rows) {
      for (var column = 0; column < widths.length; column++) {
        widths[column] = Math.max(widths[column], length(row.get(column)));
      }
    }
    var inLine = columns(widths);
    for (var i = 0; i < rows.size(); i++) {
      var row = rows.get(i);
      var line = new StringBuilder();
      for (var column = 0; column < inLine; column++) {
        var cell = row.get(column);
        line.append(cell).append(" ".repeat(widths[column] - length(cell) + 2));
      }
      out.println(line.toString().stripTrailing());
      if (i > 0) {
        var rest =
            row.subList(inLine, row.size()).stream()
                .filter(cell -> !cell.isEmpty() && !cell.equals("-"))
                .collect(Collectors.joining("  "));
        if (!rest.isEmpty()) {
          Words.wrap(rest, WIDTH - 4).forEach(part -> out.println("    " + part));
        }
      }
    }
  }

  /** How many columns go into the row's line: all that fit, and one at least. */
  private static int columns(int[] widths) {
    var width = 0;
    for (var column = 0; column < widths.length; column++) {
      width += widths[column];
      if (width > WIDTH && column > 0) {
        return column;
      }
      width += 2;
    }
    return widths.length;
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
