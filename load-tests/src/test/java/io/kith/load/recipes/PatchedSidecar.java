package io.kith.load.recipes;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/**
 * A sidecar's configuration with the chains that istiod makes, as a bootstrap of Envoy, and what
 * EnvoyFilters make of it.
 *
 * <p>As istiod does: by priority; for each chain first what is inserted, replaced and removed, then
 * what is merged; listeners that are added are not patched. What is not known here is an error.
 */
final class PatchedSidecar {
  static final String TYPES = "type.googleapis.com/";
  private static final String FILTERS = "envoy.filters.network.";
  static final String HTTP_MANAGER = FILTERS + "http_connection_manager";
  static final String TCP_PROXY = FILTERS + "tcp_proxy";
  static final String REDIS_PROXY = FILTERS + "redis_proxy";

  private static final String SKELETON =
      """
      node: {id: sidecar, cluster: sidecar}
      bootstrap_extensions:
      - name: envoy.bootstrap.internal_listener
        typed_config: {"@type": %1$senvoy.extensions.bootstrap.internal_listener.v3.InternalListener}
      static_resources:
        clusters:
        - {name: PassthroughCluster, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 10s}
        - {name: BlackHoleCluster, type: STATIC, connect_timeout: 10s}
        - {name: "outbound|80||catalog.shop.svc.cluster.local", type: STATIC, connect_timeout: 10s}
        - {name: "outbound|3306||db.shop.svc.cluster.local", type: STATIC, connect_timeout: 10s}
        - {name: "outbound|6379||cache.shop.svc.cluster.local", type: STATIC, connect_timeout: 10s}
        - {name: "inbound|8080||", type: STATIC, connect_timeout: 10s}
        - name: sds-grpc
          type: STATIC
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": %1$senvoy.extensions.upstreams.http.v3.HttpProtocolOptions
              explicit_http_config: {http2_protocol_options: {}}
          load_assignment:
            cluster_name: sds-grpc
            endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: ./socket}}}}]}]
      """
          .formatted(TYPES);

  private final Map<String, Object> bootstrap = load(SKELETON);
  private final List<Map<String, Object>> outbound =
      List.of(
          listener(
              "virtualOutbound",
              15001,
              chain("virtualOutbound-blackhole", 15001, tcp("BlackHoleCluster")),
              chain("virtualOutbound-catchall-tcp", null, tcp("PassthroughCluster"))),
          listener(
              "0.0.0.0_80",
              80,
              chain(null, 80, http("outbound|80||catalog.shop.svc.cluster.local")),
              chain("PassthroughFilterChain", null, tcp("PassthroughCluster"))),
          listener(
              "10.96.0.7_3306",
              3306,
              chain(null, null, tcp("outbound|3306||db.shop.svc.cluster.local"))),
          listener(
              "10.96.0.8_6379",
              6379,
              chain(null, null, redis("outbound|6379||cache.shop.svc.cluster.local"))));
  private final List<Map<String, Object>> inbound =
      List.of(
          listener(
              "virtualInbound",
              15006,
              chain("0.0.0.0_8080", 8080, http("inbound|8080||")),
              chain("0.0.0.0_9000", 9000, tcp("inbound|8080||"))));
  private final List<Map<String, Object>> added = new ArrayList<>();

  /** Applies EnvoyFilters, each a document of YAML. */
  PatchedSidecar(String... envoyFilters) {
    var patches =
        Stream.of(envoyFilters)
            .map(PatchedSidecar::load)
            .map(filter -> map(filter, "spec"))
            .sorted(Comparator.comparing(spec -> (Integer) requireNonNull(spec.get("priority"))))
            .flatMap(spec -> list(spec, "configPatches").stream())
            .toList();
    for (var patch : patches) {
      add(patch);
    }
    for (var merging : List.of(false, true)) {
      for (var patch : patches) {
        if ("MERGE".equals(operation(patch)) == merging) {
          apply(patch);
        }
      }
    }
    var resources = map(bootstrap, "static_resources");
    resources.put("listeners", Stream.of(outbound, inbound, added).flatMap(List::stream).toList());
  }

  String yaml() {
    return new Dump(DumpSettings.builder().setDereferenceAliases(true).build())
        .dumpToString(bootstrap);
  }

  /** All chains of one side, in the order of listeners. */
  Stream<Map<String, Object>> chains(boolean outboundSide) {
    return (outboundSide ? outbound : inbound)
        .stream().flatMap(listener -> list(listener, "filter_chains").stream());
  }

  /** The chain of that name, of the first listener that has one. */
  Map<String, Object> chain(String name) {
    return chains(true).filter(chain -> name.equals(chain.get("name"))).findFirst().orElseThrow();
  }

  static List<String> names(List<Map<String, Object>> filters) {
    return filters.stream().map(filter -> (String) requireNonNull(filter.get("name"))).toList();
  }

  static List<Map<String, Object>> filters(Map<String, Object> chain) {
    return list(chain, "filters");
  }

  static List<Map<String, Object>> httpFilters(Map<String, Object> manager) {
    return list(map(manager, "typed_config"), "http_filters");
  }

  // ---- istiod

  private static String operation(Map<String, Object> patch) {
    return (String) requireNonNull(map(patch, "patch").get("operation"));
  }

  private void add(Map<String, Object> patch) {
    var value = map(patch, "patch").get("value");
    switch ((String) requireNonNull(patch.get("applyTo"))) {
      case "CLUSTER" ->
          list(map(bootstrap, "static_resources"), "clusters").add(cast(requireNonNull(value)));
      case "LISTENER" -> added.add(cast(requireNonNull(value)));
      case "NETWORK_FILTER", "HTTP_FILTER" -> {}
      default -> throw new IllegalArgumentException(patch.toString());
    }
  }

  private void apply(Map<String, Object> patch) {
    var kind = patch.get("applyTo");
    if ("CLUSTER".equals(kind) || "LISTENER".equals(kind)) {
      return;
    }
    var match = map(patch, "match");
    var wanted = map(match, "listener");
    var chainMatch = map(wanted, "filterChain");
    var filterMatch = map(chainMatch, "filter");
    for (var listener : "SIDECAR_OUTBOUND".equals(match.get("context")) ? outbound : inbound) {
      if (!fits(wanted, listener)) {
        continue;
      }
      for (var chain : list(listener, "filter_chains")) {
        if (!fits(chainMatch, chain)) {
          continue;
        }
        if ("NETWORK_FILTER".equals(kind)) {
          chain.put("filters", changed(filters(chain), patch, filterMatch));
          continue;
        }
        for (var filter : filters(chain)) {
          if (fits(filterMatch, filter)) {
            map(filter, "typed_config")
                .put(
                    "http_filters",
                    changed(httpFilters(filter), patch, map(filterMatch, "subFilter")));
          }
        }
      }
    }
  }

  private static boolean fits(Map<String, Object> match, Map<String, Object> thing) {
    return match.get("name") == null || match.get("name").equals(thing.get("name"));
  }

  private static List<Map<String, Object>> changed(
      List<Map<String, Object>> filters, Map<String, Object> patch, Map<String, Object> match) {
    var changed = new ArrayList<Map<String, Object>>();
    for (var filter : filters) {
      if (!fits(match, filter)) {
        changed.add(filter);
        continue;
      }
      var value = map(patch, "patch").get("value");
      switch (operation(patch)) {
        case "INSERT_BEFORE" -> {
          changed.add(copy(value));
          changed.add(filter);
        }
        case "INSERT_AFTER" -> {
          changed.add(filter);
          changed.add(copy(value));
        }
        case "REPLACE" -> changed.add(copy(value));
        case "REMOVE" -> {}
        case "MERGE" -> changed.add(merged(filter, copy(value)));
        default -> throw new IllegalArgumentException(patch.toString());
      }
    }
    return changed;
  }

  /** As messages of protocol buffers are merged: lists grow, and a default changes nothing. */
  private static Map<String, Object> merged(Map<String, Object> into, Map<String, Object> from) {
    from.forEach(
        (key, value) -> {
          var before = into.get(key);
          if (before instanceof Map<?, ?> && value instanceof Map<?, ?>) {
            into.put(key, merged(cast(before), cast(value)));
          } else if (before instanceof List<?> one && value instanceof List<?> other) {
            into.put(key, Stream.concat(one.stream(), other.stream()).toList());
          } else if (!Boolean.FALSE.equals(value)) {
            into.put(key, value);
          }
        });
    return into;
  }

  // ---- what istiod makes

  @SafeVarargs
  private static Map<String, Object> listener(
      String name, int port, Map<String, Object>... chains) {
    var listener =
        load(
            "{name: \"%s\", bind_to_port: false, address: {socket_address: {address: 127.0.0.1, port_value: %d}}}"
                .formatted(name, port));
    var all = new ArrayList<Object>();
    for (var chain : chains) {
      all.add(chain);
    }
    listener.put("filter_chains", all);
    return listener;
  }

  private static Map<String, Object> chain(
      @Nullable String name, @Nullable Integer port, Map<String, Object> filter) {
    var chain = new LinkedHashMap<String, Object>();
    if (name != null) {
      chain.put("name", name);
    }
    if (port != null) {
      chain.put("filter_chain_match", Map.of("destination_port", port));
    }
    chain.put("filters", new ArrayList<>(List.of(filter)));
    return chain;
  }

  private static Map<String, Object> tcp(String cluster) {
    return load(
        """
        name: %2$s
        typed_config:
          "@type": %1$senvoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: "%3$s"
          cluster: "%3$s"
        """
            .formatted(TYPES, TCP_PROXY, cluster));
  }

  private static Map<String, Object> http(String cluster) {
    return load(
        """
        name: %2$s
        typed_config:
          "@type": %1$senvoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: "%3$s"
          route_config:
            virtual_hosts:
            - {name: any, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: "%3$s"}}]}
          http_filters:
          - name: envoy.filters.http.fault
            typed_config: {"@type": %1$senvoy.extensions.filters.http.fault.v3.HTTPFault}
          - name: envoy.filters.http.router
            typed_config: {"@type": %1$senvoy.extensions.filters.http.router.v3.Router}
        """
            .formatted(TYPES, HTTP_MANAGER, cluster));
  }

  private static Map<String, Object> redis(String cluster) {
    return load(
        """
        name: %2$s
        typed_config:
          "@type": %1$senvoy.extensions.filters.network.redis_proxy.v3.RedisProxy
          stat_prefix: redis
          settings: {op_timeout: 5s}
          prefix_routes: {catch_all_route: {cluster: "%3$s"}}
        """
            .formatted(TYPES, REDIS_PROXY, cluster));
  }

  // ---- documents

  static Map<String, Object> load(String yaml) {
    return cast(requireNonNull(new Load(LoadSettings.builder().build()).loadFromString(yaml)));
  }

  private static Map<String, Object> copy(@Nullable Object value) {
    return load(new Dump(DumpSettings.builder().build()).dumpToString(requireNonNull(value)));
  }

  static Map<String, Object> map(Map<String, Object> of, String key) {
    return cast(requireNonNull(of.get(key), key));
  }

  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> list(Map<String, Object> of, String key) {
    return (List<Map<String, Object>>) requireNonNull(of.get(key), key);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> cast(Object map) {
    return (Map<String, Object>) map;
  }
}
