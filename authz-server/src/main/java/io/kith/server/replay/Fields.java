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

  private Fields() {}

  static @Nullable String text(JsonParser parser, String field) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_STRING -> parser.getText();
      case VALUE_NULL -> null;
      default -> throw refused(parser, field, "text");
    };
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
        var value = parser.getLongValue();
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
