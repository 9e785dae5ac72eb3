package io.kith.istio;

import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;

/**
 * The header that says from which process a request is. It travels between proxies, and no
 * application sees it: Kith sets it where it lets a request out.
 */
final class Provenance {
  static final String HEADER = "x-kith-provenance";

  private Provenance() {}

  /** Before all filters, so that nothing that an application made up goes out unchecked either. */
  static Map<String, Object> keptFromLeaving() {
    return typed(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "mutations",
        List.of(removed()));
  }

  /** A filter behind the check, for where routes are somebody else's. */
  static Map<String, Object> keptFromTheApplication(String name) {
    return typed(
        name,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations",
        map("request_mutations", List.of(removed())));
  }

  private static Map<String, Object> removed() {
    return map("remove", HEADER);
  }
}
