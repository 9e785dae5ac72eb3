package io.kith.baselines.export;

import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.Owner;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Parts that Kubernetes manifests share. */
final class Manifests {
  private Manifests() {}

  static Map<String, Object> of(String apiVersion, String kind, Object metadata, Object spec) {
    var map = new LinkedHashMap<String, Object>();
    map.put("apiVersion", apiVersion);
    map.put("kind", kind);
    map.put("metadata", metadata);
    map.put("spec", spec);
    return map;
  }

  /** Keys and values in turn, in this order. */
  static Map<String, Object> map(Object... keysAndValues) {
    var map = new LinkedHashMap<String, Object>();
    for (var i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }

  static Map<String, Object> metadata(Owner owner, Placement.Placed placed) {
    var name = ("kith-" + owner.kind() + "-" + owner.name()).toLowerCase(Locale.ROOT);
    return map("name", name.replaceAll("[^a-z0-9.-]", "-"), "namespace", placed.namespace());
  }

  static Map<String, Object> labels(Placement.Placed placed) {
    return map("matchLabels", new java.util.TreeMap<>(placed.labels()));
  }

  static List<String> protocols(@Nullable Protocol protocol) {
    return protocol == null ? List.of("TCP", "UDP") : List.of(protocol.name());
  }

  static List<Object> ports(Target target, boolean asText) {
    var ports = new ArrayList<Object>();
    for (var protocol : protocols(target.protocol())) {
      Ports range = target.ports();
      var first = asText ? (Object) String.valueOf(range.first()) : (Object) range.first();
      ports.add(
          range.size() == 1
              ? map("port", first, "protocol", protocol)
              : map("port", first, "endPort", range.last(), "protocol", protocol));
    }
    return ports;
  }
}
