package io.kith.bridge;

/** Lines for a person, in which others may have chosen words: paths, names, a runtime's errors. */
final class Printable {
  private Printable() {}

  /** One line without anything that moves a terminal's cursor or begins another line. */
  static String line(String text) {
    var shown = new StringBuilder(text.length());
    text.codePoints().forEach(point -> shown.appendCodePoint(isPlain(point) ? point : '?'));
    return shown.toString();
  }

  private static boolean isPlain(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
