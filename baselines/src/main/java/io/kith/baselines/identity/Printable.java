package io.kith.baselines.identity;

/** Text that others chose, as it may reach a terminal or a log: without control characters. */
public final class Printable {
  private Printable() {}

  /** The text with a question mark for each control character. */
  public static String of(String text) {
    return text.replaceAll("\\p{Cc}", "?");
  }

  /**
   * The same, no longer than so many characters.
   *
   * @param most what is longer ends with an ellipsis after as many
   */
  public static String of(String text, int most) {
    return of(text.length() > most ? text.substring(0, most) + "…" : text);
  }
}
