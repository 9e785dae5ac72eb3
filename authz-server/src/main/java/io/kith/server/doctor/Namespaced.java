package io.kith.server.doctor;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Objects of some namespaces. */
final class Namespaced {
  private Namespaced() {}

  /** An object, or what a list has, if it is of these, of Istio's own, or of no namespace. */
  @SuppressWarnings("unchecked")
  static Stream<Map<String, Object>> in(
      Map<String, Object> object, Set<String> namespaces, String rootNamespace) {
    if (object.get("items") instanceof List<?> items) {
      return items.stream()
          .filter(Map.class::isInstance)
          .flatMap(item -> in((Map<String, Object>) item, namespaces, rootNamespace));
    }
    var namespace =
        object.get("metadata") instanceof Map<?, ?> metadata ? metadata.get("namespace") : null;
    return namespace == null || namespace.equals(rootNamespace) || namespaces.contains(namespace)
        ? Stream.of(object)
        : Stream.of();
  }
}
