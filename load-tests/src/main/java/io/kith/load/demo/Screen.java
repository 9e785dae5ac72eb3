package io.kith.load.demo;

import java.io.PrintStream;
import java.util.List;

/** What the demo writes for people: headings, sentences, tables. Colours only on a terminal. */
final class Screen {
  private static final int WIDTH = 100;

  private final PrintStream out;
  private final boolean colours;
  private int step;

  Screen(PrintStream out, boolean colours) {
    this.out = out;
    this.colours = colours;
  }

  void title(String text) {
    out.println();
    out.println(bold(text));
  }

  void step(String heading, String... sentences) {
    out.println();
    out.println(bold(++step + "  " + heading));
    for (var sentence : sentences) {
      say(sentence);
    }
    out.flush();
  }

  /** A paragraph, wrapped. */
  void say(String sentence) {
    var line = new StringBuilder("   ");
    for (var word : sentence.split(" ", -1)) {
      if (line.length() + word.length() + 1 > WIDTH) {
        out.println(line);
        line = new StringBuilder("   ");
      }
      line.append(line.length() > 3 ? " " : "").append(word);
    }
    out.println(line);
    out.flush();
  }

  /** What somebody would type. */
  void command(String text) {
    out.println("   " + dim("$ " + text));
    out.flush();
  }

  /** Lines as they are, indented. */
  void lines(String text) {
    text.stripTrailing().lines().forEach(line -> out.println("     " + line));
    out.flush();
  }

  void good(String text) {
    out.println("   " + colour("32", "✔ ") + text);
    out.flush();
  }

  void bad(String text) {
    out.println("   " + colour("31", "✘ ") + text);
    out.flush();
  }

  void progress(String text) {
    out.println("   " + dim("… " + text));
    out.flush();
  }

  void blank() {
    out.println();
  }

  /** A name and what it is, below an item. */
  void detail(String name, String text) {
    out.printf("       %-6s %s%n", name, text);
    out.flush();
  }

  /** Columns as wide as their widest cell. */
  void table(List<String> header, List<List<String>> rows) {
    var widths = new int[header.size()];
    for (var i = 0; i < widths.length; i++) {
      widths[i] = header.get(i).length();
      for (var row : rows) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    out.println("   " + dim(line(header, widths)));
    rows.forEach(row -> out.println("   " + line(row, widths)));
    out.flush();
  }

  private static String line(List<String> cells, int[] widths) {
    var line = new StringBuilder();
    for (var i = 0; i < widths.length; i++) {
      line.append(cells.get(i)).append(" ".repeat(widths[i] - cells.get(i).length() + 2));
    }
    return line.toString().stripTrailing();
  }

  private String bold(String text) {
    return colour("1", text);
  }

  private String dim(String text) {
    return colour("2", text);
  }

  private String colour(String code, String text) {
    return colours ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
  }
}
