package io.kith.server.replay;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Values of JSON fields; each refuses with the field, what it got and what it expected. */
final class Fields {
  private static final int MAX_LIST = 64;
  private static final int MAX_TEXT = 4_096;

  private Fields() {}

  static @Nullable String text(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_STRING -> checked(parser.getText(), field);
      case VALUE_NULL -> null;
      default -> throw refused(parser, field, "text");
    };
  }

  /** What is remembered is bounded, so each text is; and it must be one that can be written. */
  private static String checked(String text, String field) {
    if (text.length() > MAX_TEXT) {
      throw new IllegalArgumentException(
          field
              + ": a text of "
              + text.length()
              + " characters (expected: at most "
              + MAX_TEXT
              + ")");
    }
    for (var i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (i + 1 < text.length()
            && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
          i++;
        } else {
          throw new IllegalArgumentException(
              field + ": half of a UTF-16 pair at character " + (i + 1) + " (expected: Unicode)");
        }
      }
    }
    return text;
  }

  static @Nullable Double number(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_NULL -> null;
      default -> throw refused(parser, field, "a number");
    };
  }

  static @Nullable Integer integer(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_NUMBER_INT -> {
        var small = parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
        var value = small ? parser.getLongValue() : Long.MAX_VALUE;
        if (value < Integer.MIN_VALUE || value > 0xffffffffL) {
          throw refused(parser, field, "a whole number of 32 bits");
        }
        yield (int) value;
      }
      case VALUE_NULL -> null;
      default -> throw refused(parser, field, "a whole number");
    };
  }

  static boolean flag(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_TRUE -> true;
      case VALUE_FALSE, VALUE_NULL -> false;
      default -> throw refused(parser, field, "true or false");
    };
  }

  static List<String> texts(JsonParser parser, String field) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_NULL) {
      return List.of();
    }
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw refused(parser, field, "a list of texts");
    }
    var texts = new ArrayList<String>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      var text = text(parser, field);
      if (text == null || texts.size() >= MAX_LIST) {
        throw refused(parser, field, "a list of up to " + MAX_LIST + " texts");
      }
      texts.add(text);
    }
    return texts;
  }

  /** Whether an object follows; false for null. */
  static boolean object(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> true;
      case VALUE_NULL -> false;
      default -> throw refused(parser, field, "an object");
    };
  }

  /**
   * A value that was not given before; a line that says two things says nothing.
   *
   * @param before what the field had
   */
  static <T> @Nullable T once(@Nullable T before, String field, @Nullable T value) {
    if (before != null) {
      throw new IllegalArgumentException(field + ": given twice (expected: once)");
    }
    return value;
  }

  static <T> T required(@Nullable T value, String field) {
    if (value == null) {
      throw new IllegalArgumentException(field + ": missing (expected: a value)");
    }
    return value;
  }

  private static IllegalArgumentException refused(JsonParser parser, String field, String expected)
      throws IOException {
    var text = parser.getText();
    var shown = text == null ? "nothing" : text.length() > 80 ? text.substring(0, 80) + "…" : text;
    return new IllegalArgumentException(field + ": " + shown + " (expected: " + expected + ")");
  }
}
