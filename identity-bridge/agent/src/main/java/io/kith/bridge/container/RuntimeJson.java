package io.kith.bridge.container;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads what a runtime answers; it says more than is read, and may say anything. */
final class RuntimeJson {
  private RuntimeJson() {}

  /** A whole text that is one object. */
  static JsonObject object(String text) throws IOException {
    var reader = new JsonReader(new StringReader(text));
    reader.setStrictness(Strictness.STRICT);
    try {
      var read = JsonParser.parseReader(reader);
      if (read.isJsonObject() && reader.peek() == JsonToken.END_DOCUMENT) {
        return read.getAsJsonObject();
      }
    } catch (JsonParseException | MalformedJsonException e) {
      throw new IOException("answer is not JSON", e);
    }
    throw new IOException("answer is not one JSON object");
  }

  static JsonObject child(JsonObject json, String name) throws IOException {
    var child = json.get(name);
    if (child == null || !child.isJsonObject()) {
      throw new IOException("answer without " + name);
    }
    return child.getAsJsonObject();
  }

  static String text(JsonObject json, String name) throws IOException {
    var text = primitive(json, name);
    if (text == null) {
      throw new IOException("answer without " + name);
    }
    return text.getAsString();
  }

  /** A number from 0 on. */
  static int integer(JsonObject json, String name) throws IOException {
    try {
      var number = primitive(json, name);
      if (number != null && number.getAsInt() >= 0) {
        return number.getAsInt();
      }
    } catch (NumberFormatException _) {
      // said below
    }
    throw new IOException("answer without a number for " + name);
  }

  private static @Nullable JsonElement primitive(JsonObject json, String name) {
    var value = json.get(name);
    return value != null && value.isJsonPrimitive() ? value : null;
  }

  /** Texts by name; none when they are absent. */
  static Map<String, String> texts(JsonObject json, String name) {
    var texts = new HashMap<String, String>();
    var object = json.get(name);
    if (object != null && object.isJsonObject()) {
      for (var entry : object.getAsJsonObject().entrySet()) {
        if (entry.getValue().isJsonPrimitive()) {
          texts.put(entry.getKey(), entry.getValue().getAsString());
        }
      }
    }
    return texts;
  }
}
