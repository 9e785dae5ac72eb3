package io.kith.server.check;

/** Text that somebody else chose, made fit to be shown to a person. */
public final class Untrusted {
  private static final int MAX_SHOWN = 80;

  private Untrusted() {}

  /** In single quotes, {@link #plain} inside. */
  public static String quoted(String text) {
    return "'" + plain(text) + "'";
  }

  /** Without control, format and unassigned characters, and cut after 80 characters. */
  public static String plain(String text) {
    return plain(text, MAX_SHOWN);
  }

  /** As {@link #plain(String)} with another limit. */
  public static String plain(String text, int limit) {
    var shown = new StringBuilder(Math.min(text.length(), limit) + 1);
    text.codePoints()
        .limit(limit)
        .forEach(point -> shown.appendCodePoint(isPlain(point) ? point : '?'));
    if (text.codePointCount(0, Math.min(text.length(), 2 * limit + 1)) > limit) {
      shown.append('…');
    }
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
