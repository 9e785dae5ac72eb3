package io.kith.baselines.yaml;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Reads the JSON that {@link Json} writes, in one pass, and refuses the same values in any other
 * text: keys out of order or twice, other escapes, other digits.
 *
 * <p>A YAML parser would read it as well, in a time that grows with the square of a text's length:
 * 38 s for 8 MB.
 */
final class JsonReader {
  private static final int MAX_DEPTH = 64;
  private static final Pattern ESCAPED_PAIR =
      Pattern.compile("\\\\u(d[89ab][0-9a-f]{2})\\\\u(d[c-f][0-9a-f]{2})");

  private final String text;
  private int at;
  private boolean canonical = true;

  private JsonReader(String text) {
    this.text = text;
  }

  /**
   * The value of a text.
   *
   * @throws IllegalArgumentException with the place where it stops being one; or when it is one
   *     that is written otherwise
   */
  static Object read(String text) {
    var reader = new JsonReader(text);
    var value = reader.value(0);
    if (reader.at != text.length()) {
      throw reader.unexpected();
    }
    if (!reader.canonical) {
      throw new IllegalArgumentException(Json.NOT_CANONICAL);
    }
    return value;
  }

  private Object value(int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException("nested too deep");
    }
    return switch (peek()) {
      case '{' -> object(depth);
      case '[' -> list(depth);
      case '"' -> string();
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      default -> number();
    };
  }

  private Map<String, Object> object(int depth) {
    var members = new LinkedHashMap<String, Object>();
    at++;
    if (peek() == '}') {
      at++;
      return members;
    }
    var before = "";
    do {
      var key = string();
      canonical &= members.isEmpty() || before.compareTo(key) < 0;
      before = key;
      expect(':');
      members.put(key, value(depth + 1));
    } while (another('}'));
    return members;
  }

  private List<Object> list(int depth) {
    var elements = new ArrayList<>();
    at++;
    if (peek() == ']') {
      at++;
      return elements;
    }
    do {
      elements.add(value(depth + 1));
    } while (another(']'));
    return elements;
  }

  /** Whether a comma follows; else the end must. */
  private boolean another(char end) {
    if (peek() == ',') {
      at++;
      return true;
    }
    expect(end);
    return false;
  }

  private String string() {
    expect('"');
    var start = at;
    while (at < text.length() && Json.isPlain(text.charAt(at))) {
      at++;
    }
    if (peek() == '"') {
      return text.substring(start, at++);
    }
    var read = new StringBuilder(at - start + 32).append(text, start, at);
    while (peek() != '"') {
      var c = text.charAt(at++);
      read.append(c == '\\' ? escaped() : c);
    }
    at++;
    var string = read.toString();
    read.setLength(0);
    Json.quote(read, string);
    var quoted = read.toString();
    canonical &=
        text.regionMatches(start - 1, quoted, 0, at - start + 1)
            || unescapedPairs(text.substring(start - 1, at)).equals(quoted);
    return string;
  }

  /** Characters above U+FFFF were escaped where a Java did not know them. */
  private static String unescapedPairs(String string) {
    return ESCAPED_PAIR
        .matcher(string)
        .replaceAll(
            pair ->
                Character.toString(
                    Character.toCodePoint(unit(pair.group(1)), unit(pair.group(2)))));
  }

  private static char unit(String hexDigits) {
    return (char) Integer.parseInt(hexDigits, 16);
  }

  private char escaped() {
    var c = peek();
    at++;
    if (c == '"' || c == '\\') {
      return c;
    }
    if (c != 'u' || at + 4 > text.length()) {
      throw unexpected();
    }
    var code = 0;
    for (var end = at + 4; at < end; at++) {
      var digit = Character.digit(text.charAt(at), 16);
      if (digit < 0) {
        throw unexpected();
      }
      code = code * 16 + digit;
    }
    return (char) code;
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) {
      throw unexpected();
    }
    at += word.length();
    return value;
  }

  private Long number() {
    var start = at;
    while (at < text.length() && (text.charAt(at) == '-' || Character.isDigit(text.charAt(at)))) {
      at++;
    }
    try {
      var digits = text.substring(start, at);
      var number = Long.valueOf(digits);
      canonical &= number.toString().equals(digits);
      return number;
    } catch (NumberFormatException _) {
      at = start;
      throw unexpected();
    }
  }

  private char peek() {
    if (at >= text.length()) {
      throw new IllegalArgumentException("not JSON: it ends too early");
    }
    return text.charAt(at);
  }

  private void expect(char c) {
    if (peek() != c) {
      throw unexpected();
    }
    at++;
  }

  private IllegalArgumentException unexpected() {
    return new IllegalArgumentException("not JSON as Kith writes it, at character " + (at + 1));
  }
}
