package io.kith.baselines.yaml;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the JSON that {@link Json} writes, in one pass. Whether a text is exactly that is for the
 * caller to compare; this only finds its values.
 *
 * <p>A YAML parser would read it as well, in a time that grows with the square of a text's length:
 * 38 s for 8 MB.
 */
final class JsonReader {
  private static final int MAX_DEPTH = 64;

  private final String text;
  private int at;

  private JsonReader(String text) {
    this.text = text;
  }

  /**
   * The value of a text.
   *
   * @throws IllegalArgumentException with the place where it stops being one
   */
  static Object read(String text) {
    var reader = new JsonReader(text);
    var value = reader.value(0);
    if (reader.at != text.length()) {
      throw reader.unexpected();
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
    do {
      var key = string();
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
    var read = new StringBuilder();
    while (peek() != '"') {
      var c = text.charAt(at++);
      read.append(c == '\\' ? escaped() : c);
    }
    at++;
    return read.toString();
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
      return Long.valueOf(text.substring(start, at));
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
