package io.kith.istio;

import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;

/** Where an HTTP manager sends requests. */
final class Routes {
  private Routes() {}

  /** One route for all hosts. */
  static Map<String, Object> any(Map<String, Object> route) {
    return map(
        "virtual_hosts",
        List.of(map("name", "any", "domains", List.of("*"), "routes", List.of(route))));
  }

  /** Every request to one cluster. */
  static Map<String, Object> to(String cluster) {
    return any(map("match", map("prefix", "/"), "route", map("cluster", cluster)));
  }
}
