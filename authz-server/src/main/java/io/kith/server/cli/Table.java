package io.kith.server.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** Rows in aligned columns, with headings. */
final class Table {
  private final List<List<String>> rows = new ArrayList<>();

  Table(String... headings) {
    rows.add(List.of(headings));
  }

  /** Adds a row with as many cells as there are headings. */
  Table row(String... cells) {
    if (cells.length != rows.getFirst().size()) {
      throw new IllegalArgumentException(
          cells.length + " cells (expected: " + rows.getFirst().size() + ")");
    }
    rows.add(List.of(cells).stream().map(Words::safe).toList());
    return this;
  }

  void print(PrintWriter out) {
    var widths = new int[rows.getFirst().size()];
    for (var row : rows) {
      for (var column = 0; column < widths.length; column++) {
        widths[column] = Math.max(widths[column], length(row.get(column)));
      }
    }
    for (var row : rows) {
      var line = new StringBuilder();
      for (var column = 0; column < widths.length; column++) {
        var cell = row.get(column);
        line.append(cell).append(" ".repeat(widths[column] - length(cell) + 2));
      }
      out.println(line.toString().stripTrailing());
    }
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
