package io.kith.baselines.yaml;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Canonical JSON: one text for one value, so that a signature over the text is one over the value.
 *
 * <p>Shape: objects with their keys in the order of UTF-16 code units, no white space, whole
 * numbers only, no {@code null}. Characters of the basic plane that cannot be printed are escaped
 * as {@code \}{@code uXXXX} in lower case; those above stand as they are, since which of them there
 * are is another matter with each edition of Unicode. Values are {@link Map}, {@link List}, {@link
 * String}, {@link Long}, {@link Integer} and {@link Boolean}.
 *
 * <p>Source: RFC 8785, without its numbers.
 */
public final class Json {
  static final String NOT_CANONICAL = "not canonical JSON (expected: as Kith wrote it)";

  private static final Comparator<Map.Entry<?, ?>> BY_KEY =
      Comparator.comparing(entry -> entry.getKey().toString());

  private Json() {}

  /**
   * Writes a value.
   *
   * @throws IllegalArgumentException for a value of another type
   */
  public static String write(Object value) {
    var text = new StringBuilder();
    write(text, value);
    return text.toString();
  }

  private static void write(StringBuilder text, Object value) {
    switch (value) {
      case String string -> quote(text, string);
      case Long number -> text.append(number);
      case Integer number -> text.append(number);
      case Boolean bool -> text.append(bool);
      case List<?> list -> {
        var separator = '[';
        for (var element : list) {
          write(text.append(separator), element);
          separator = ',';
        }
        text.append(list.isEmpty() ? "[]" : "]");
      }
      case Map<?, ?> map -> {
        var entries = map.entrySet().toArray(new Map.Entry<?, ?>[0]);
        Arrays.sort(entries, BY_KEY);
        var separator = '{';
        for (var entry : entries) {
          quote(text.append(separator), entry.getKey().toString());
          write(text.append(':'), entry.getValue());
          separator = ',';
        }
        text.append(entries.length == 0 ? "{}" : "}");
      }
      default ->
          throw new IllegalArgumentException(
              value.getClass() + " (expected: text, a whole number, true, false, a list or a map)");
    }
  }

  static void quote(StringBuilder text, String string) {
    text.append('"');
    var from = 0;
    for (var i = 0; i < string.length(); ) {
      if (isPlain(string.charAt(i))) {
        i++;
        continue;
      }
      text.append(string, from, i);
      var c = string.codePointAt(i);
      if (c == '"' || c == '\\') {
        text.append('\\').appendCodePoint(c);
      } else if (c > 0xffff || printable(c)) {
        text.appendCodePoint(c);
      } else {
        escape(text, c);
      }
      i += Character.charCount(c);
      from = i;
    }
    text.append(string, from, string.length()).append('"');
  }

  /** Most characters: what stands for itself, whatever is beside it. */
  static boolean isPlain(char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  }

  /**
   * What {@link #write} wrote, as it wrote that before: with the characters above U+FFFF escaped
   * that this Java's Unicode lacks. For what was signed or named then.
   */
  public static String asBefore(String written) {
    var text = new StringBuilder(written.length());
    written
        .codePoints()
        .forEach(
            c -> {
              if (c > 0xffff && !Character.isDefined(c)) {
                escape(text, c);
              } else {
                text.appendCodePoint(c);
              }
            });
    return text.toString();
  }

  private static void escape(StringBuilder text, int codePoint) {
    for (var unit : Character.toChars(codePoint)) {
      text.append("\\u").append(HexFormat.of().toHexDigits(unit));
    }
  }

  /** Of the basic plane, what may stand as it is; YAML's rule, so that the text is YAML too. */
  private static boolean printable(int c) {
    return (c >= 0x20 && c <= 0x7e)
        || (c >= 0xa0 && c <= 0xd7ff && c != 0x2028 && c != 0x2029)
        || (c >= 0xe000 && c <= 0xfffd && c != 0xfeff);
  }

  /**
   * Reads an object that {@link #write} wrote, now or {@link #asBefore before}; whatever it would
   * have written otherwise is refused.
   *
   * @throws IllegalArgumentException for any other text, also for correct JSON of another layout
   */
  public static JsonObject read(String text) {
    if (JsonReader.read(text) instanceof Map<?, ?> map) {
      return new JsonObject("", map);
    }
    throw new IllegalArgumentException(NOT_CANONICAL);
  }
}
