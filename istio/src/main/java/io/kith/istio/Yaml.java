package io.kith.istio;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/** YAML documents as ordered maps, and their text. */
final class Yaml {
  private Yaml() {}

  /** An ordered map of the given keys and values, which alternate. */
  static Map<String, Object> map(Object... keysAndValues) {
    var map = new LinkedHashMap<String, Object>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }

  /** {@code map} without the entries that hold an empty list. */
  static Map<String, Object> withoutEmptyLists(Map<String, Object> map) {
    map.values().removeIf(value -> value instanceof Collection<?> list && list.isEmpty());
    return map;
  }

  static String text(Map<String, Object> document) {
    var settings =
        DumpSettings.builder()
            .setDefaultFlowStyle(FlowStyle.BLOCK)
            .setIndent(2)
            .setIndicatorIndent(0)
            .setWidth(200)
            .setDereferenceAliases(true)
            .build();
    return new Dump(settings).dumpToString(document);
  }
}
