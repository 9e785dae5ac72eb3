package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.core.util.Separators.Spacing;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The schema of the chart's values. What a value means is said once, as a comment of values.yaml;
 * what becomes part of kith.yaml as it is has the schema of kith.yaml.
 */
class ValuesSchemaTest {
  private static final Path CHART = HelmChart.FOLDER.resolve("kith");
  private static final Path SCHEMA = CHART.resolve("values.schema.json");
  private static final Path OF_SERVER = Path.of("..", "docs", "kith.schema.json");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Values that the chart copies into kith.yaml, and where its schema has them. */
  private static final Map<String, String> COPIED =
      Map.of(
          "learning", "/properties/learning",
          "admin.oidc", "/properties/server/properties/admin/properties/oidc");

  /** Names that say it where no comment does. */
  private static final Set<String> OF_KUBERNETES =
      Set.of(
          "resources",
          "requests",
          "limits",
          "priorityClassName",
          "nodeSelector",
          "tolerations",
          "affinity");

  private static final Pattern KEY = Pattern.compile("^( *)([A-Za-z]+):(.*)$");
  private static final Pattern COMMENT = Pattern.compile("^ *# ?(.*)$");
  private static final Pattern TRAILING = Pattern.compile("\\s# (.*)$");

  @Test
  void schema_saysWhatTheCommentsSay_andHasTheServersForWhatIsCopied() throws Exception {
    var text = text(described((ObjectNode) JSON.readTree(SCHEMA.toFile())));

    if (System.getProperty("kith.refreshGoldens") != null) {
      Files.writeString(SCHEMA, text);
    }
    assertThat(Files.readString(SCHEMA))
        .as("%s by the comments of values.yaml (-Dkith.refreshGoldens writes it)", SCHEMA)
        .isEqualTo(text);
  }

  @Test
  void values_eachOfALineOfItsOwn_hasACommentAndASchema() throws Exception {
    var schema = JSON.readTree(SCHEMA.toFile());

    var silent = new ArrayList<String>();
    var unknown = new ArrayList<String>();
    comments()
        .forEach(
            (path, comment) -> {
              if (comment.isEmpty()) {
                silent.add(path);
              }
              if (!schema.at("/properties/" + path.replace(".", "/properties/")).isObject()) {
                unknown.add(path);
              }
            });
    assertThat(silent).as("values without a comment in values.yaml").isEmpty();
    assertThat(unknown).as("values without a schema").isEmpty();
  }

  // ---- the comments

  /** By path, {@code image.tag}: the lines right above a value, and what is behind it. */
  private static Map<String, String> comments() throws IOException {
    var comments = new LinkedHashMap<String, String>();
    var path = new ArrayDeque<String>();
    var above = new ArrayList<String>();
    for (var line : Files.readAllLines(CHART.resolve("values.yaml"))) {
      var comment = COMMENT.matcher(line);
      if (comment.matches()) {
        above.add(comment.group(1));
        continue;
      }
      var key = KEY.matcher(line);
      if (key.matches()) {
        while (path.size() > key.group(1).length() / 2) {
          path.removeLast();
        }
        path.addLast(key.group(2));
        var trailing = TRAILING.matcher(key.group(3));
        if (trailing.find()) {
          above.add(trailing.group(1));
        } else if (above.isEmpty() && OF_KUBERNETES.contains(key.group(2))) {
          above.add("As in a pod of Kubernetes.");
        }
        comments.put(String.join(".", path), String.join(" ", above));
      }
      above.clear();
    }
    return comments;
  }

  // ---- the schema

  private static ObjectNode described(ObjectNode schema) throws IOException {
    var comments = comments();
    var server = JSON.readTree(OF_SERVER.toFile());
    describe(schema, "", comments, server);
    return schema;
  }

  private static void describe(
      ObjectNode schema, String path, Map<String, String> comments, JsonNode server) {
    if (!(schema.get("properties") instanceof ObjectNode properties)) {
      return;
    }
    for (var name : List.copyOf(names(properties))) {
      var at = path.isEmpty() ? name : path + "." + name;
      var copied = COPIED.get(at);
      var body =
          copied == null
              ? (ObjectNode) properties.get(name)
              : (ObjectNode) resolved(server.at(copied), server);
      body.remove("description");
      var comment = comments.getOrDefault(at, "");
      var first = JSON.createObjectNode();
      if (!comment.isEmpty()) {
        first.put("description", comment);
      }
      first.setAll(body);
      properties.set(name, first);
      if (copied == null) {
        describe(first, at, comments, server);
      }
    }
  }

  private static List<String> names(ObjectNode node) {
    var names = new ArrayList<String>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** With what it refers to in its place. */
  private static JsonNode resolved(JsonNode node, JsonNode root) {
    return switch (node) {
      case ObjectNode object -> {
        var made = JSON.createObjectNode();
        for (var name : names(object)) {
          if (name.equals("$ref")) {
            var target =
                (ObjectNode) resolved(root.at(object.get(name).asText().substring(1)), root);
            target.remove("description");
            made.setAll(target);
          } else {
            made.set(name, resolved(object.get(name), root));
          }
        }
        yield made;
      }
      case ArrayNode array -> {
        var made = JSON.createArrayNode();
        array.forEach(one -> made.add(resolved(one, root)));
        yield made;
      }
      default -> node.deepCopy();
    };
  }

  private static String text(ObjectNode schema) throws IOException {
    var lines = new DefaultIndenter("  ", "\n");
    var printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance().withObjectFieldValueSpacing(Spacing.AFTER))
            .withObjectIndenter(lines)
            .withArrayIndenter(lines);
    return JSON.writer(printer).writeValueAsString(schema) + "\n";
  }
}
