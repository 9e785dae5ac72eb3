package io.kith.server.kubernetes.resource;

import io.kith.baselines.yaml.Json;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** An EgressAllowList of a cluster as the text of a file, which is what is read and kept. */
final class ListText {
  private ListText() {}

  /** One rule a line; the same for the same spec. */
  static String of(ClusterObject object) {
    var text =
        new StringBuilder()
            .append("apiVersion: kith.io/v1\nkind: EgressAllowList\nmetadata: ")
            .append(Json.write(Map.of("name", object.name())))
            .append("\nspec:\n");
    var rest = new TreeMap<>(object.spec());
    var rules = rest.remove("rules");
    rest.forEach(
        (key, value) ->
            text.append("  ")
                .append(Json.write(key))
                .append(": ")
                .append(Json.write(value))
                .append('\n'));
    switch (rules) {
      case null -> {}
      case List<?> list when list.isEmpty() -> text.append("  rules: []\n");
      case List<?> list -> {
        text.append("  rules:\n");
        list.forEach(rule -> text.append("  - ").append(Json.write(rule)).append('\n'));
      }
      default -> text.append("  rules: ").append(Json.write(rules)).append('\n');
    }
    return text.toString();
  }
}
