package io.kith.istio;

import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Spares the requests of an HTTP connection their own Checks, where the server's answer about the
 * connection said so.
 *
 * <p>The answer names the cluster that Envoy may route to and the hosts that a request may name.
 * Both are kept with the connection, where nobody but Envoy writes. A request to another cluster or
 * for another host is checked, and so is every request when the answer named none: under observe,
 * for a permission that ends, when the server could not be asked.
 */
final class ShortCut {
  /** How the server is told that it may name hosts; the value is the cluster. */
  static final String METADATA = "x-kith-spare";

  /** In place of a cluster: the one that istiod makes for the service with the name. */
  static final String OF_ISTIO = "istio";

  /*
   * A request that is spared does not notice that its permission was taken back; the bridge ends
   * such connections. Where it cannot, this is how long one may still be used: what follows begins
   * with a Check.
   */
  private static final String LONGEST_CONNECTION = "60s";

  /** As many as the server names at most. */
  private static final int HOSTS = 5;

  private static final String CLUSTER = "spare_cluster";

  private static final String COMPOSITE = "envoy.extensions.filters.http.composite.v3.";

  private ShortCut() {}

  private static Stream<String> hosts() {
    return IntStream.rangeClosed(1, HOSTS).mapToObj(number -> "spare_host_" + number);
  }

  /** The filter behind the connection's check that keeps what its answer said. */
  static Map<String, Object> keep(String name) {
    return typed(
        name,
        "envoy.extensions.filters.network.set_filter_state.v3.Config",
        "on_downstream_data", // later than the check, which waits for the first byte
        Stream.concat(Stream.of(CLUSTER), hosts())
            .map(key -> kept(key, "%DYNAMIC_METADATA(" + Checks.L4 + ":" + key + ")%"))
            .toList());
  }

  private static Map<String, Object> kept(String key, String format) {
    return map(
        "object_key",
        stateOf(key),
        "factory_key",
        "envoy.string",
        "format_string",
        map("omit_empty_values", true, "text_format_source", map("inline_string", format)),
        "skip_if_empty",
        true);
  }

  private static String stateOf(String key) {
    return "kith." + key;
  }

  /**
   * The check of requests, left out for those that are spared it.
   *
   * @param cluster where the connection's requests are routed to
   */
  static Map<String, Object> unlessSpared(Map<String, Object> check, String cluster) {
    return unless(check, cel -> cel.equal(cel.field("xds", "cluster_name"), cel.text(cluster)));
  }

  /** The same where the connection's requests may be routed to any cluster of istiod's. */
  static Map<String, Object> unlessSpared(Map<String, Object> check) {
    return unless(
        check,
        cel ->
            cel.equal(
                cel.octets(cel.field("xds", "cluster_name")),
                cel.entry("filter_state", stateOf(CLUSTER))));
  }

  /*
   * The check is made by the matcher, for a request that is not spared. Put behind the matcher, it
   * would be made for each request before it is known whether it is spared, which costs Envoy more
   * than the matcher does (docs/adr/0007-short-cut.md). A matcher that fails matches nothing, so what
   * becomes of a request that no entry matches has to be the check. One expression says it all: a
   * look beforehand whether the answer named anything costs as much as the expression's comparison.
   */
  private static Map<String, Object> unless(
      Map<String, Object> check, Function<Cel, Map<String, Object>> routedThere) {
    return typed(
        (String) requireNonNull(check.get("name")),
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        "extension_config",
        typed("composite", COMPOSITE + "Composite"),
        "xds_matcher",
        map(
            "matcher_list",
            map("matchers", List.of(skipping(routedThere))),
            "on_no_match",
            map("action", checking(check))));
  }

  private static Map<String, Object> checking(Map<String, Object> check) {
    return typed("checked", COMPOSITE + "ExecuteFilterAction", "typed_config", check);
  }

  private static Map<String, Object> skipping(Function<Cel, Map<String, Object>> routedThere) {
    return map(
        "predicate",
        goesThere(routedThere),
        "on_match",
        map(
            "action",
            typed("spared", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")));
  }

  /** The request is routed to it, and names one of the hosts. */
  private static Map<String, Object> goesThere(Function<Cel, Map<String, Object>> routedThere) {
    var cel = new Cel();
    var spared =
        cel.both(
            routedThere.apply(cel),
            cel.any(
                hosts()
                    .map(
                        host ->
                            cel.equal(
                                cel.octets(cel.field("request", "host")),
                                cel.entry("filter_state", stateOf(host))))));
    return map(
        "single_predicate",
        map(
            "input",
            typed("request", "xds.type.matcher.v3.HttpAttributesCelMatchInput"),
            "custom_match",
            typed(
                "envoy.matching.matchers.cel_matcher",
                "xds.type.matcher.v3.CelMatcher",
                "expr_match",
                map("cel_expr_parsed", map("expr", spared)))));
  }

  /** What an HTTP manager's connections are limited by. */
  static Map<String, Object> limits() {
    return map("max_connection_duration", LONGEST_CONNECTION);
  }
}
