package io.kith.server.doctor;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.ToNumberPolicy;
import io.kith.server.verb.Failure;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Documents as plain maps, lists, texts, numbers and truth values. */
final class Parsed {
  /** Of characters; as long as a file may be. */
  private static final int LIMIT = 64 << 20;

  private static final Gson GSON =
      new GsonBuilder()
          .setPrettyPrinting()
          .disableHtmlEscaping()
          .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
          .create();

  private Parsed() {}

  /** A JSON object. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> json(String text) throws Failure {
    try {
      // Without a type of its own, so that a list or a text is not an exception of another kind.
      if (GSON.fromJson(text, Object.class) instanceof Map<?, ?> map) {
        return (Map<String, Object>) map;
      }
    } catch (JsonParseException | NumberFormatException e) {
      throw Failure.refused("is not JSON: " + firstLine(e));
    }
    throw Failure.refused("is not a JSON object" + (text.isBlank() ? ", but empty" : ""));
  }

  /** A JSON list of objects. */
  static List<Map<String, Object>> list(String text) throws Failure {
    return objects(json("{\"list\": " + text + "}").get("list"));
  }

  /** The objects in what should be a list of them; none in anything else. */
  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> objects(@Nullable Object list) {
    return list instanceof List<?> all
        ? all.stream().filter(Map.class::isInstance).map(one -> (Map<String, Object>) one).toList()
        : List.of();
  }

  /** Documents of YAML, each of which is a map; empty ones are left out. */
  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> yaml(String text) throws Failure {
    var documents = new ArrayList<Map<String, Object>>();
    try {
      var settings = LoadSettings.builder().setCodePointLimit(LIMIT).build();
      for (var document : new Load(settings).loadAllFromString(text)) {
        if (document instanceof Map<?, ?> map) {
          documents.add((Map<String, Object>) map);
        } else if (document != null) {
          throw Failure.refused("is not a YAML map");
        }
      }
    } catch (YamlEngineException e) {
      throw Failure.refused("is not YAML: " + firstLine(e));
    }
    if (documents.isEmpty()) {
      throw Failure.refused("is empty");
    }
    return documents;
  }

  /** Counters as Envoy prints them, {@code NAME: NUMBER} a line; what is not one is left out. */
  static Map<String, Long> counters(String text) {
    var counters = new HashMap<String, Long>();
    for (var line : text.lines().toList()) {
      var colon = line.lastIndexOf(": ");
      if (colon > 0) {
        try {
          counters.put(line.substring(0, colon), Long.parseLong(line.substring(colon + 2).strip()));
        } catch (NumberFormatException _) {
          // a histogram
        }
      }
    }
    return counters;
  }

  static String text(Map<String, ?> document) {
    return GSON.toJson(document) + "\n";
  }

  private static String firstLine(RuntimeException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }
}
