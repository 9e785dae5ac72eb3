package io.kith.baselines.yaml;

import org.jspecify.annotations.Nullable;

/**
 * What a text may cost, told before a parser that recurses sees it.
 *
 * <p>A bracket opens at most one level, and a block level takes at least one column of indentation,
 * so open brackets and the leading run of spaces and indicators bound the depth from above. The
 * length of a line is bound because the parser's time grows with the square of it.
 */
final class Bounds {
  private static final int MAX_BRACKETS = 64;
  private static final int MAX_INDENT = 256;
  private static final int MAX_LINE = 65_536;

  private Bounds() {}

  /**
   * A line that is too much.
   *
   * @param place {@code line:column}
   * @param what what is wrong with it
   */
  record Excess(String place, String what) {}

  /** The first line of a YAML text that may be too much, or null when none is. */
  static @Nullable Excess first(String text) {
    var line = 1;
    var column = 0;
    var leading = true;
    var brackets = 0;
    for (var i = 0; i < text.length(); i++) {
      var c = text.charAt(i);
      column++;
      leading &= c == ' ' || c == '-' || c == '?' || c == ':';
      if (c == '[' || c == '{') {
        brackets++;
      } else if (c == ']' || c == '}') {
        brackets = Math.max(0, brackets - 1);
      } else if (c == '\n') {
        line++;
        column = 0;
        leading = true;
      }
      if (brackets > MAX_BRACKETS || (leading && column > MAX_INDENT)) {
        return new Excess(line + ":" + column, "nested too deep (expected: few levels)");
      }
      if (column > MAX_LINE) {
        return new Excess(
            line + ":" + column, "the line is too long (expected: at most " + MAX_LINE + ")");
      }
    }
    return null;
  }
}
