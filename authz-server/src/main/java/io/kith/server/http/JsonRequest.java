package io.kith.server.http;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Makes the message of a call from its path, its query and its body; or says what is wrong. */
final class JsonRequest {
  private static final int SHOWN = 60;

  private JsonRequest() {}

  /** What cannot be read; the message names the field and what was expected. */
  static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
      super(message);
    }
  }

  /**
   * The message.
   *
   * @param path fields that the path has
   * @param query fields of the query
   * @param body JSON text, or null where the call has none
   * @throws RefusedException in words for the caller
   */
  static Message read(
      Message prototype,
      Map<String, String> path,
      Map<String, List<String>> query,
      @Nullable String body)
      throws RefusedException {
    var type = prototype.getDescriptorForType();
    var object = body == null ? ofQuery(query, type) : ofBody(body);
    if (body != null && !query.isEmpty()) {
      throw new RefusedException("the query is not read here (expected: every field in the body)");
    }
    for (var value : path.entrySet()) {
      var field = type.findFieldByName(value.getKey());
      if (object.has(field.getName()) || object.has(field.getJsonName())) {
        throw new RefusedException(field.getName() + ": is in the path (expected: only there)");
      }
      object.addProperty(field.getName(), value.getValue());
    }
    return message(prototype, object);
  }

  private static JsonObject ofQuery(Map<String, List<String>> query, Descriptor type)
      throws RefusedException {
    var object = new JsonObject();
    for (var parameter : query.entrySet()) {
      var field = field(type, parameter.getKey());
      if (field == null) {
        throw new RefusedException(unknown(parameter.getKey(), type));
      }
      if (field.isRepeated()) {
        var values = new JsonArray();
        parameter.getValue().forEach(values::add);
        object.add(field.getName(), values);
      } else if (parameter.getValue().size() != 1 || object.has(field.getName())) {
        throw new RefusedException(field.getName() + ": several times (expected: once)");
      } else {
        object.addProperty(field.getName(), parameter.getValue().getFirst());
      }
    }
    return object;
  }

  private static JsonObject ofBody(String body) throws RefusedException {
    if (body.isBlank()) {
      return new JsonObject();
    }
    try (var reader = new JsonReader(new StringReader(body))) {
      reader.setStrictness(Strictness.STRICT);
      var parsed = JsonParser.parseReader(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new RefusedException("the body: more than one value (expected: one JSON object)");
      }
      if (!parsed.isJsonObject()) {
        throw new RefusedException("the body: " + shown(parsed) + " (expected: a JSON object)");
      }
      return parsed.getAsJsonObject();
    } catch (JsonParseException | IOException | IllegalStateException e) {
      throw new RefusedException("the body is not JSON: " + place(e));
    }
  }

  /* Gson says where, and in its first line nothing else that a caller does not know. */
  private static String place(Exception e) {
    var cause = e.getCause() instanceof IOException inner ? inner : e;
    var words = String.valueOf(cause.getMessage());
    return words.lines().findFirst().orElse("it ends too early");
  }

  private static Message message(Message prototype, JsonObject object) throws RefusedException {
    var builder = prototype.newBuilderForType();
    try {
      JsonFormat.parser().merge(object.toString(), builder);
      return builder.build();
    } catch (InvalidProtocolBufferException e) {
      var problem = problem(object, prototype.getDescriptorForType(), "");
      throw new RefusedException(
          problem == null ? "the body is not understood: " + e.getMessage() : problem);
    }
  }

  /**
   * The first field that is not understood: JsonFormat says what is wrong, but not always where.
   */
  private static @Nullable String problem(JsonObject object, Descriptor type, String at) {
    for (var entry : object.entrySet()) {
      var field = field(type, entry.getKey());
      if (field == null) {
        return unknown(at + entry.getKey(), type);
      }
      if (!isRead(entry.getKey(), entry.getValue(), type)) {
        return problem(entry.getKey(), entry.getValue(), field, type, at);
      }
    }
    return null;
  }

  private static String problem(
      String key, JsonElement value, FieldDescriptor field, Descriptor type, String at) {
    if (field.isRepeated() && value.isJsonArray()) {
      var values = value.getAsJsonArray();
      for (var i = 0; i < values.size(); i++) {
        var one = new JsonArray();
        one.add(values.get(i));
        if (!isRead(key, one, type)) {
          return problem(key + "[" + i + "]", values.get(i), field, at);
        }
      }
    }
    return problem(key, value, field, at);
  }

  private static String problem(String name, JsonElement value, FieldDescriptor field, String at) {
    if (value.isJsonObject() && field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
      var inner = problem(value.getAsJsonObject(), field.getMessageType(), at + name + ".");
      if (inner != null) {
        return inner;
      }
    }
    return at + name + ": " + shown(value) + " (expected: " + expected(field) + ")";
  }

  private static boolean isRead(String key, JsonElement value, Descriptor type) {
    var one = new JsonObject();
    one.add(key, value);
    try {
      JsonFormat.parser().merge(one.toString(), DynamicMessage.newBuilder(type));
      return true;
    } catch (InvalidProtocolBufferException _) {
      return false;
    }
  }

  private static @Nullable FieldDescriptor field(Descriptor type, String name) {
    var field = type.findFieldByName(name);
    if (field != null) {
      return field;
    }
    return type.getFields().stream()
        .filter(one -> one.getJsonName().equals(name))
        .findFirst()
        .orElse(null);
  }

  private static String unknown(String name, Descriptor type) {
    var known =
        type.getFields().stream().map(FieldDescriptor::getName).collect(Collectors.joining(", "));
    return shown(new JsonPrimitive(name))
        + ": unknown field (expected: "
        + (known.isEmpty() ? "none" : "one of " + known)
        + ")";
  }

  private static String expected(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case INT, LONG -> "a whole number";
      case FLOAT, DOUBLE -> "a number";
      case BOOLEAN -> "true or false";
      case STRING -> "a text";
      case BYTE_STRING -> "base64";
      case ENUM ->
          field.getEnumType().getValues().stream()
              .map(EnumValueDescriptor::getName)
              .collect(Collectors.joining(" or "));
      case MESSAGE -> expected(field.getMessageType());
    };
  }

  private static String expected(Descriptor type) {
    if (type.equals(Duration.getDescriptor())) {
      return "a duration such as \"3600s\"";
    }
    return type.equals(Timestamp.getDescriptor())
        ? "a time such as \"2026-11-26T12:00:00Z\""
        : "an object";
  }

  private static String shown(JsonElement value) {
    var text = value.toString();
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
  }
}
