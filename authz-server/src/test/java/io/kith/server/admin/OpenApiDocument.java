package io.kith.server.admin;

import com.google.api.AnnotationsProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.GetStatusRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * OpenAPI 3.0 of the admin API: paths by {@code google.api.http}, schemas by protobuf's JSON, words
 * by the comments of {@code admin.proto}.
 */
final class OpenApiDocument {
  private static final Pattern VARIABLE = Pattern.compile("\\{([a-z_]+)(?:=(\\*(?:/\\*)*))?}");

  /** OpenAPI has no parameter of several segments. */
  private static final Map<String, List<String>> SEGMENTS =
      Map.of("owner", List.of("namespace", "kind", "name"));

  private final Map<List<Integer>, String> comments = new HashMap<>();
  private final Map<String, Object> schemas = new TreeMap<>();
  private final Map<String, Object> paths = new TreeMap<>();
  private final String description;

  private OpenApiDocument(FileDescriptorProto file) {
    for (var location : file.getSourceCodeInfo().getLocationList()) {
      if (location.hasLeadingComments()) {
        comments.put(location.getPathList(), words(location.getLeadingComments()));
      }
    }
    description = comments.getOrDefault(List.of(FileDescriptorProto.SYNTAX_FIELD_NUMBER), "");
  }

  /**
   * The document.
   *
   * @param descriptors what the build of identity-bridge/api writes, with the comments
   */
  static Map<String, Object> of(Path descriptors) throws IOException {
    var name = GetStatusRequest.getDescriptor().getFile().getName();
    var file =
        FileDescriptorSet.parseFrom(Files.readAllBytes(descriptors)).getFileList().stream()
            .filter(one -> one.getName().equals(name))
            .findFirst()
            .orElseThrow();
    return new OpenApiDocument(file).document();
  }

  private static String words(String comment) {
    return comment
        .lines()
        .map(String::strip)
        .reduce(
            "",
            (text, line) ->
                line.isEmpty()
                    ? text + "\n\n"
                    : text + (text.isEmpty() || text.endsWith("\n") ? "" : " ") + line)
        .strip();
  }

  private Map<String, Object> document() {
    for (var method : AdminServiceGrpc.getServiceDescriptor().getMethods()) {
      var schema =
          (ProtoMethodDescriptorSupplier) Objects.requireNonNull(method.getSchemaDescriptor());
      add(schema.getMethodDescriptor(), NeededRoles.of(method).word());
    }
    schemas.put("Status", status());
    return map(
        "openapi",
        "3.0.3",
        "info",
        map("title", "Kith admin API", "version", "v1", "description", description),
        "paths",
        paths,
        "components",
        map(
            "schemas",
            schemas,
            "securitySchemes",
            map(
                "token",
                map(
                    "type",
                    "http",
                    "scheme",
                    "bearer",
                    "bearerFormat",
                    "JWT",
                    "description",
                    "Over TLS, where server.admin.oidc is set. Without one: mutual TLS with a"
                        + " SPIFFE ID, or a Unix socket, where the kernel says who calls."))),
        "security",
        List.of(map(), map("token", List.of())));
  }

  private static Map<String, Object> status() {
    return map(
        "type",
        "object",
        "description",
        "An error: google.rpc.Status.",
        "properties",
        map(
            "code",
            map("type", "integer", "format", "int32", "description", "A google.rpc.Code."),
            "message",
            map("type", "string", "description", "What is wrong and what to do."),
            "details",
            map(
                "type",
                "array",
                "items",
                map("type", "object", "properties", map("@type", map("type", "string"))))));
  }

  private void add(MethodDescriptor method, String role) {
    var rule = method.getOptions().getExtension(AnnotationsProto.http);
    var template =
        switch (rule.getPatternCase()) {
          case GET -> rule.getGet();
          case POST -> rule.getPost();
          case DELETE -> rule.getDelete();
          case PUT, PATCH, CUSTOM, PATTERN_NOT_SET ->
              throw new IllegalStateException(method.getFullName() + " has no path");
        };
    var parameters = new ArrayList<Object>();
    var inPath = new HashSet<String>();
    var path = path(template, method.getInputType(), parameters, inPath);
    var operation =
        map(
            "operationId",
            method.getName(),
            "description",
            comments.getOrDefault(
                List.of(6, method.getService().getIndex(), 2, method.getIndex()), ""),
            "x-kith-role",
            role);
    if (rule.getBody().isEmpty()) {
      for (var field : method.getInputType().getFields()) {
        if (!inPath.contains(field.getName())) {
          parameters.add(parameter("query", field.getName(), described(field)));
        }
      }
    } else {
      schemas.put(method.getInputType().getName(), request(method.getInputType(), inPath));
      operation.put(
          "requestBody",
          map(
              "required",
              true,
              "content",
              map("application/json", map("schema", reference(method.getInputType().getName())))));
    }
    if (!parameters.isEmpty()) {
      operation.put("parameters", parameters);
    }
    operation.put("responses", responses(method));
    verbs(path).put(rule.getPatternCase().name().toLowerCase(java.util.Locale.ROOT), operation);
  }

  @SuppressWarnings("unchecked") // what this class puts there
  private Map<String, Object> verbs(String path) {
    return (Map<String, Object>) paths.computeIfAbsent(path, _ -> new TreeMap<String, Object>());
  }

  private String path(
      String template, Descriptor type, List<Object> parameters, Set<String> inPath) {
    return VARIABLE
        .matcher(template)
        .replaceAll(
            found -> {
              var name = found.group(1);
              inPath.add(name);
              var words = described(type.findFieldByName(name)).get("description");
              if (found.group(2) == null) {
                parameters.add(pathParameter(name, String.valueOf(words)));
                return "{" + name + "}";
              }
              var segments = Objects.requireNonNull(SEGMENTS.get(name), name);
              for (var segment : segments) {
                parameters.add(pathParameter(segment, "Of the " + name + ", as in its words."));
              }
              return "{" + String.join("}/{", segments) + "}";
            });
  }

  private static Map<String, Object> pathParameter(String name, String words) {
    var parameter = parameter("path", name, map("type", "string", "description", words));
    parameter.put("required", true);
    return parameter;
  }

  private static Map<String, Object> parameter(
      String in, String name, Map<String, Object> described) {
    var schema = new LinkedHashMap<>(described);
    var words = schema.remove("description");
    var parameter = map("name", name, "in", in, "schema", schema);
    if (words != null && !words.equals("")) {
      parameter.put("description", words);
    }
    return parameter;
  }

  private Map<String, Object> responses(MethodDescriptor method) {
    var answer = method.getOutputType();
    addSchema(answer);
    var stream = method.isServerStreaming();
    return map(
        "200",
        map(
            "description",
            stream ? "One such document for each line, until the caller hangs up." : "Done.",
            "content",
            map(
                stream ? "application/x-ndjson" : "application/json",
                map("schema", reference(answer.getName())))),
        "default",
        map(
            "description",
            "Refused or failed.",
            "content",
            map("application/json", map("schema", reference("Status")))));
  }

  private void addSchema(Descriptor type) {
    if (!schemas.containsKey(type.getName())) {
      schemas.put(type.getName(), map()); // types may hold themselves
      schemas.put(type.getName(), message(type, Set.of()));
    }
  }

  private Map<String, Object> request(Descriptor type, Set<String> inPath) {
    var schema = message(type, inPath);
    schema.put("additionalProperties", false);
    return schema;
  }

  private Map<String, Object> message(Descriptor type, Set<String> without) {
    var schema = map("type", "object");
    var words =
        comments.get(List.of(FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, type.getIndex()));
    if (words != null) {
      schema.put("description", words);
    }
    var properties = map();
    for (var field : type.getFields()) {
      if (!without.contains(field.getName())) {
        properties.put(field.getName(), described(field));
      }
    }
    if (!properties.isEmpty()) {
      schema.put("properties", properties);
    }
    return schema;
  }

  private Map<String, Object> described(FieldDescriptor field) {
    var schema = field.isRepeated() ? map("type", "array", "items", one(field)) : one(field);
    var words =
        comments.get(
            List.of(
                FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER,
                field.getContainingType().getIndex(),
                2,
                field.getIndex()));
    if (words == null) {
      return schema;
    }
    if (schema.containsKey("$ref")) { // nothing may stand beside a reference
      return map("allOf", List.of(schema), "description", words);
    }
    schema.put("description", words);
    return schema;
  }

  private Map<String, Object> one(FieldDescriptor field) {
    return switch (field.getType()) {
      case BOOL -> map("type", "boolean");
      case STRING -> map("type", "string");
      case BYTES -> map("type", "string", "format", "byte");
      case DOUBLE -> map("type", "number", "format", "double");
      case FLOAT -> map("type", "number", "format", "float");
      case INT32, SINT32, SFIXED32 -> map("type", "integer", "format", "int32");
      case UINT32, FIXED32 -> map("type", "integer", "format", "int64", "minimum", 0);
      case INT64, SINT64, SFIXED64 -> map("type", "string", "format", "int64");
      case UINT64, FIXED64 -> map("type", "string", "format", "uint64");
      case ENUM ->
          map(
              "type",
              "string",
              "enum",
              field.getEnumType().getValues().stream().map(EnumValueDescriptor::getName).toList());
      case MESSAGE, GROUP -> one(field.getMessageType());
    };
  }

  private Map<String, Object> one(Descriptor type) {
    if (type.equals(Timestamp.getDescriptor())) {
      return map("type", "string", "format", "date-time");
    }
    if (type.equals(Duration.getDescriptor())) {
      return map("type", "string", "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$", "example", "3600s");
    }
    addSchema(type);
    return reference(type.getName());
  }

  private static Map<String, Object> reference(String schema) {
    return map("$ref", "#/components/schemas/" + schema);
  }

  private static Map<String, Object> map(Object... keysAndValues) {
    var map = new LinkedHashMap<String, Object>();
    for (var i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }
}
