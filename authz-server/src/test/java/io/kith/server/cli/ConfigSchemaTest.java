package io.kith.server.cli;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.yaml.Problem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The schema, the annotated example and the reader must know the same keys. */
class ConfigSchemaTest {
  private static final Path DOCS = Path.of("..", "docs");
  private static final Pattern KNOWN_KEYS =
      Pattern.compile("unknown key \\(expected: one of \\[(.*)]\\)");
  private static final String STRANGER = "noSuchKey";

  private final JsonObject schema = read();

  private static JsonObject read() {
    try {
      return JsonParser.parseString(Files.readString(DOCS.resolve("kith.schema.json")))
          .getAsJsonObject();
    } catch (java.io.IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void schema_hasEveryKeyOfTheAnnotatedExample() throws Exception {
    var example =
        new Load(LoadSettings.builder().build())
            .loadFromString(Files.readString(DOCS.resolve("kith.yaml")));
    var seen = new TreeSet<String>();
    walk(example, schema, "", seen);

    assertThat(seen).contains("server.checks.listen", "workloads.owner", "telemetry.otlp.endpoint");
  }

  private static void walk(Object value, JsonObject schema, String path, Set<String> seen) {
    if (value instanceof Map<?, ?> map) {
      var properties = schema.getAsJsonObject("properties");
      map.forEach(
          (key, child) -> {
            var name = path.isEmpty() ? key.toString() : path + "." + key;
            assertThat(properties.keySet()).as("schema at '%s'", path).contains(key.toString());
            seen.add(name);
            walk(child, properties.getAsJsonObject(key.toString()), name, seen);
          });
    } else if (value instanceof List<?> list) {
      list.forEach(child -> walk(child, schema.getAsJsonObject("items"), path, seen));
    }
  }

  @Test
  void schema_everyKey_hasADescription() {
    everyObject(
        schema,
        "",
        (path, object) ->
            object
                .getAsJsonObject("properties")
                .entrySet()
                .forEach(
                    property ->
                        assertThat(property.getValue().getAsJsonObject().has("description"))
                            .as(path + "." + property.getKey())
                            .isTrue()));
  }

  /** The reader names the keys that it knows when it meets one that it does not. */
  @Test
  void schemaAndReader_knowTheSameKeys() {
    everyObject(
        schema,
        "",
        (path, object) ->
            assertThat(keysOfTheReader(path))
                .as("keys at '%s'", path)
                .containsExactlyInAnyOrderElementsOf(
                    object.getAsJsonObject("properties").keySet()));
  }

  @Test
  void schemaDefaults_areTheReaders() throws Exception {
    // a section that has defaults only where it is there
    var text = "server: {kubernetes: {}}";
    var defaults = EffectiveConfig.of(KithConfig.parse("kith.yaml", text, Map.of()));
    everyObject(
        schema,
        "",
        (path, object) -> {
          if (path.contains("[]")) {
            return;
          }
          object
              .getAsJsonObject("properties")
              .entrySet()
              .forEach(
                  property -> {
                    var stated = property.getValue().getAsJsonObject().get("default");
                    if (stated != null) {
                      assertThat(text(stated))
                          .as(path + "." + property.getKey())
                          .isEqualTo(text(at(defaults, path, property.getKey())));
                    }
                  });
        });
  }

  private static Object at(Map<String, Object> values, String path, String key) {
    Object value = values;
    for (var part : (path.isEmpty() ? key : path + "." + key).split("\\.", -1)) {
      value = requireNonNull(((Map<?, ?>) value).get(part), part);
    }
    return value;
  }

  /* 14d and 336h are the same. */
  private static String text(Object value) {
    var text =
        value instanceof JsonArray array
            ? array.asList().stream().map(JsonElement::getAsString).toList().toString()
            : value instanceof JsonElement element ? element.getAsString() : value.toString();
    return text.matches("\\d+d")
        ? Integer.parseInt(text.substring(0, text.length() - 1)) * 24 + "h"
        : text;
  }

  private interface Visitor {
    void visit(String path, JsonObject object);
  }

  /** Visits everything with properties; lists of mappings are marked by {@code []}. */
  private static void everyObject(JsonObject schema, String path, Visitor visitor) {
    if (schema.has("items")) {
      everyObject(schema.getAsJsonObject("items"), path + "[]", visitor);
    }
    if (schema.has("properties")) {
      visitor.visit(path, schema);
      schema
          .getAsJsonObject("properties")
          .entrySet()
          .forEach(
              property ->
                  everyObject(
                      property.getValue().getAsJsonObject(),
                      path.isEmpty() ? property.getKey() : path + "." + property.getKey(),
                      visitor));
    }
  }

  private static List<String> keysOfTheReader(String path) {
    var text = STRANGER + ": 1";
    if (!path.isEmpty()) {
      var parts = path.split("\\.", -1);
      text = "{" + text + "}";
      for (var i = parts.length - 1; i >= 0; i--) {
        var list = parts[i].endsWith("[]");
        var name = parts[i].replace("[]", "");
        text = "{" + name + ": " + (list ? "[" + text + "]" : text) + "}";
      }
    }
    try {
      var _ = KithConfig.parse("kith.yaml", text, Map.of());
    } catch (ConfigException e) {
      return e.problems().stream()
          .filter(problem -> problem.key().endsWith(STRANGER))
          .map(Problem::what)
          .map(KNOWN_KEYS::matcher)
          .filter(java.util.regex.Matcher::matches)
          .flatMap(matcher -> Arrays.stream(matcher.group(1).split(", ")))
          .toList();
    }
    throw new AssertionError("the reader knows " + path + "." + STRANGER);
  }
}
