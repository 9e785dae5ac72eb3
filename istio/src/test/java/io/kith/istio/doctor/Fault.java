package io.kith.istio.doctor;

import static io.kith.istio.doctor.MeshDump.at;
import static io.kith.istio.doctor.MeshDump.each;
import static io.kith.istio.doctor.MeshDump.list;
import static io.kith.istio.doctor.MeshDump.named;
import static io.kith.istio.doctor.MeshDump.yaml;

import io.kith.istio.MeshNames;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Faults of a mesh that has none.
 *
 * @param what in words
 * @param rules all that are found, no others
 * @param dump which clean mesh it is put into
 */
record Fault(String what, List<Rule> rules, String dump, Consumer<MeshDump> seed) {
  private static final String CART = "shop/cart-0";

  @Override
  public String toString() {
    return what;
  }

  static List<Fault> all() {
    var all = new ArrayList<Fault>();
    all.addAll(notRead());
    all.addAll(filters());
    all.addAll(server());
    all.addAll(sidecars());
    all.addAll(istio());
    all.addAll(pods());
    all.addAll(users());
    all.add(
        of(
            Rule.OWN_USERS,
            "users of the pod's own",
            dump -> at(dump.pod("cart-0"), "spec").put("hostUsers", false)));
    all.addAll(withinReach());
    all.addAll(otherSidecars());
    all.addAll(admission());
    all.addAll(kith());
    return all;
  }

  private static Fault of(Rule rule, String what, Consumer<MeshDump> seed) {
    return new Fault(what, List.of(rule), "clean", seed);
  }

  private static List<Fault> notRead() {
    return List.of(
        of(
            Rule.UNREAD,
            "a file that is cut off",
            dump ->
                dump.alsoSay(
                    doctor ->
                        doctor.unread(
                            "objects/scope.yaml",
                            "is not YAML: while scanning a quoted scalar",
                            "write it again: kith doctor --collect DIR, or kubectl get KIND -A -o"
                                + " json"))),
        of(Rule.UNREAD_SIDECAR, "no dump of a sidecar", dump -> dump.sidecars.remove(CART)),
        of(
            Rule.UNREAD_SIDECAR,
            "something else in place of a sidecar's dump",
            dump -> dump.sidecars.put(CART, Map.of("error", "not found"))),
        of(
            Rule.UNREAD_SIDECAR,
            "a port that cannot be forwarded",
            dump -> {
              dump.sidecars.remove(CART);
              dump.alsoSay(
                  doctor ->
                      doctor.unread(
                          CART, "its port cannot be forwarded: pods \"cart-0\" is forbidden"));
            }));
  }

  // ---- filters

  private static List<Fault> filters() {
    return List.of(
        of(
            Rule.UNGUARDED_CHAIN,
            "the catch-all chain is not asked about",
            dump ->
                each(
                    dump.sidecar(CART),
                    named("virtualOutbound-catchall-tcp"),
                    chain -> list(chain, "filters").removeIf(named(MeshNames.CONNECTION)))),
        of(
            Rule.UNGUARDED_CHAIN,
            "nothing is asked about, and Helm wrote the recipe",
            dump -> {
              at(dump.object("EnvoyFilter", "kith"), "metadata", "annotations")
                  .putAll(
                      Map.of(
                          "meta.helm.sh/release-name",
                          "kith",
                          "meta.helm.sh/release-namespace",
                          "kith"));
              each(
                  dump.sidecar(CART),
                  map -> map.containsKey("filters"),
                  chain -> list(chain, "filters").removeIf(named(MeshNames.CONNECTION)));
            }),
        new Fault(
            "a sidecar that was never sent what leaves it",
            List.of(Rule.UNGUARDED_CHAIN, Rule.DROPPED_FIELD),
            "clean",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("dynamic_listeners"),
                    map ->
                        list(map, "dynamic_listeners")
                            .removeIf(
                                one ->
                                    "OUTBOUND"
                                        .equals(
                                            at(one, "active_state", "listener")
                                                .get("traffic_direction"))))),
        of(
            Rule.UNGUARDED_CHAIN,
            "a listener in the bootstrap that leads anywhere",
            dump ->
                list(dump.sidecar(CART), "configs")
                    .add(
                        staticListener(
                            "{name: envoy.filters.network.tcp_proxy, typed_config: {'@type':"
                                + " type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy,"
                                + " cluster: outside}}"))),
        new Fault(
            "a listener in the bootstrap that leads requests elsewhere than to pilot-agent",
            List.of(Rule.UNGUARDED_CHAIN, Rule.UNGUARDED_REQUESTS),
            "clean",
            dump ->
                list(dump.sidecar(CART), "configs")
                    .add(staticListener(manager("agent", "outside")))),
        of(
            Rule.UNGUARDED_REQUESTS,
            "requests are checked behind the router",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("http_filters"),
                    manager -> {
                      var filters = list(manager, "http_filters");
                      filters.addAll(filters.stream().filter(named(MeshNames.REQUEST)).toList());
                      filters.remove(
                          filters.stream()
                              .filter(named(MeshNames.REQUEST))
                              .findFirst()
                              .orElse(null));
                    })),
        new Fault(
            "Istio calls the catch-all chain otherwise",
            List.of(Rule.NOT_GATED),
            "strict",
            dump ->
                each(
                    dump.sidecar(CART),
                    named("virtualOutbound-catchall-tcp"),
                    chain -> pastTheGate(chain, check(dump)))),
        new Fault(
            "Istio calls all chains of the gate otherwise, in a mesh that lets nothing through",
            List.of(Rule.NOT_GATED),
            "strict",
            dump -> {
              each(
                  dump.sidecar(CART),
                  named(MeshNames.LEADS_TO_GATE),
                  filter -> {
                    filter.put("name", MeshNames.CONNECTION);
                    filter.put("typed_config", at(check(dump), "typed_config"));
                  });
            }),
        new Fault(
            "the gate is not in the sidecar",
            List.of(Rule.NOT_GATED),
            "strict",
            dump -> {
              each(
                  dump.sidecar(CART),
                  map -> map.containsKey("dynamic_listeners"),
                  map ->
                      list(map, "dynamic_listeners")
                          .removeIf(one -> MeshNames.GATES.contains(one.get("name"))));
            }),
        of(
            Rule.WEAKENED_CHECK,
            "a check that ignores the answer",
            dump ->
                each(
                    dump.sidecar(CART),
                    named(MeshNames.CONNECTION),
                    filter -> at(filter, "typed_config").put("shadow_mode", true))),
        of(
            Rule.WEAKENED_CHECK,
            "a check of some connections",
            dump ->
                each(
                    dump.sidecar(CART),
                    named(MeshNames.CONNECTION),
                    filter -> at(filter, "typed_config").put("filter_enabled_metadata", Map.of()))),
        of(
            Rule.WEAKENED_CHECK,
            "a check that is disabled",
            dump ->
                each(
                    dump.sidecar(CART),
                    named(MeshNames.REQUEST),
                    filter -> filter.put("disabled", true))),
        of(
            Rule.WEAKENED_CHECK,
            "a check that a matcher skips",
            dump ->
                each(
                    dump.sidecar(CART),
                    named(MeshNames.REQUEST),
                    filter -> filter.put("typed_config", matched(at(filter, "typed_config"))))),
        of(
            Rule.WEAKENED_CHECK,
            "a route that switches the check off",
            dump ->
                list(dump.sidecar(CART), "configs")
                    .add(
                        yaml(
                            """
                            dynamic_route_configs:
                            - route_config:
                                virtual_hosts:
                                - routes: [{typed_per_filter_config: {kith.request: {disabled: true}}}]
                            """))),
        of(
            Rule.TENANT_FILTER,
            "a tenant switches the check off for routes",
            dump ->
                dump.add(
                    """
                    apiVersion: networking.istio.io/v1alpha3
                    kind: EnvoyFilter
                    metadata: {name: faster, namespace: shop}
                    spec:
                      configPatches:
                      - applyTo: HTTP_ROUTE
                        match: {context: SIDECAR_OUTBOUND}
                        patch: {operation: MERGE, value: {typed_per_filter_config: {kith.request: {disabled: true}}}}
                    """)),
        of(
            Rule.TENANT_FILTER,
            "a tenant has the check skipped",
            dump -> {
              var filter = yaml(tenant("{operation: REPLACE}"));
              var patch = list(at(filter, "spec"), "configPatches").getFirst();
              var check = new ArrayList<Map<String, Object>>();
              each(dump.sidecar(CART), named(MeshNames.CONNECTION), check::add);
              at(patch, "patch")
                  .put(
                      "value",
                      Map.of(
                          "name",
                          MeshNames.CONNECTION,
                          "typed_config",
                          matched(at(check.getFirst(), "typed_config"))));
              dump.objects.add(filter);
            }),
        of(
            Rule.TENANT_FILTER,
            "a tenant takes the check out",
            dump -> dump.add(tenant("{operation: REMOVE}"))),
        of(
            Rule.TENANT_FILTER,
            "a tenant puts something else in its place",
            dump ->
                dump.add(
                    tenant(
                        "{operation: REPLACE, value: {name: kith.connection, typed_config:"
                            + " {'@type':"
                            + " type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC}}}"))),
        of(
            Rule.TENANT_FILTER,
            "a tenant makes the check ignore the answer",
            dump ->
                dump.add(
                    tenant(
                        "{operation: MERGE, value: {typed_config: {'@type': type.googleapis.com/x,"
                            + " shadow_mode: true}}}"))),
        program(
            "a script in Lua",
            "{name: extensions.istio.io/trafficextension/shop.mine, typed_config: {'@type':"
                + " type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}"),
        program(
            "a script in Lua whose fields istiod does not know",
            "{name: mine, typed_config: {'@type': type.googleapis.com/xds.type.v3.TypedStruct,"
                + " type_url: type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}}"),
        program(
            "a WasmPlugin, as istiod has sidecars discover it",
            "{name: extensions.istio.io/wasmplugin/shop.mine, config_discovery: {type_urls:"
                + " [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm,"
                + " type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC]}}"),
        mirrored("a service", "{cluster: outbound|80||copies.shop.svc.cluster.local}"),
        mirrored("whom a header names", "{cluster_header: x-copy}"),
        of(
            Rule.DROPPED_FIELD,
            "istiod dropped shadow_mode",
            dump ->
                each(
                    dump.sidecar(CART),
                    named(MeshNames.HTTP_CONNECTION),
                    filter -> at(filter, "typed_config", "value").remove("shadow_mode"))),
        of(
            Rule.OPEN_UNDER_ENFORCE,
            "enforced before the filter was closed",
            dump -> dump.workload("shop/deployment/cart").put("mode", "enforce")),
        of(
            Rule.OPEN_UNDER_ENFORCE,
            "a Scope enforces a workload that the server does not know yet",
            dump -> {
              list(dump.status, "workloads")
                  .removeIf(one -> "shop/deployment/cart".equals(one.get("owner")));
              dump.add(
                  """
                  apiVersion: kith.io/v1
                  kind: Scope
                  metadata: {name: cart, namespace: shop}
                  spec: {workload: {kind: Deployment, name: cart}, mode: enforce}
                  """);
            }),
        of(
            Rule.CLOSED_UNDER_OBSERVE,
            "no overlay opens what is observed",
            dump -> {
              dump.objects.removeIf(
                  one -> at(one, "metadata").getOrDefault("name", "").equals("kith-failure-mesh"));
              each(
                  dump.sidecars,
                  map -> map.containsKey("failure_mode_allow"),
                  map -> map.remove("failure_mode_allow"));
            }));
  }

  private static Fault program(String what, String filter) {
    return of(
        Rule.PROGRAM_IN_SIDECAR,
        what,
        dump ->
            each(
                dump.sidecar(CART),
                map -> map.containsKey("http_filters"),
                manager -> list(manager, "http_filters").addFirst(yaml(filter))));
  }

  private static Fault mirrored(String whom, String policy) {
    return of(
        Rule.MIRRORED_REQUESTS,
        "requests are mirrored to " + whom,
        dump ->
            list(dump.sidecar(CART), "configs")
                .add(
                    yaml(
                        """
                        dynamic_route_configs:
                        - route_config:
                            virtual_hosts:
                            - routes: [{route: {cluster: x, request_mirror_policies: [%s]}}]
                        """
                            .formatted(policy))));
  }

  static Map<String, Object> staticListener(String filter) {
    return yaml(
        """
        static_listeners:
        - listener:
            address: {socket_address: {address: 127.0.0.1, port_value: 9999}}
            filter_chains: [{filters: [%s]}]
        """
            .formatted(filter));
  }

  /** An HTTP manager that leads requests to clusters. */
  static String manager(String... clusters) {
    return """
    {name: envoy.filters.network.http_connection_manager, typed_config: {
      '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
      route_config: {virtual_hosts: [{routes: [%s]}]},
      http_filters: [{name: envoy.filters.http.router}]}}
    """
        .formatted(
            Stream.of(clusters)
                .map("{route: {cluster: %s}}"::formatted)
                .collect(Collectors.joining(", ")));
  }

  /** As Istio has the chain, and the recipe baseline. */
  private static void pastTheGate(Map<String, Object> chain, Map<String, Object> check) {
    chain.put("name", "virtualOutbound-all-tcp");
    each(
        chain,
        named(MeshNames.LEADS_TO_GATE),
        filter -> {
          filter.put("name", "envoy.filters.network.tcp_proxy");
          at(filter, "typed_config").put("cluster", "PassthroughCluster");
        });
    list(chain, "filters").addFirst(check);
  }

  /** The check of connections as another chain of the same sidecar has it. */
  private static Map<String, Object> check(MeshDump dump) {
    var found = new ArrayList<Map<String, Object>>();
    each(dump.sidecar(CART), named(MeshNames.CONNECTION), found::add);
    return found.getFirst();
  }

  private static Map<String, Object> matched(Object config) {
    return Map.of(
        "@type",
        "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        "extension_config",
        Map.of("name", "x", "typed_config", config),
        "xds_matcher",
        Map.of("on_no_match", Map.of("action", "skip")));
  }

  private static String tenant(String patch) {
    return """
    apiVersion: networking.istio.io/v1alpha3
    kind: EnvoyFilter
    metadata: {name: faster, namespace: shop}
    spec:
      configPatches:
      - applyTo: NETWORK_FILTER
        match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: kith.connection}}}}
        patch: %s
    """
        .formatted(patch);
  }

  /** What istiod says of a sidecar to which it sent listeners four times. */
  private static Map<String, String> synced(String proxy, String acknowledged) {
    return Map.of(
        "proxy", proxy, "listener_sent", "4", "listener_acked", acknowledged, "cluster_sent", "");
  }

  // ---- the server

  private static List<Fault> server() {
    return List.of(
        of(
            Rule.SERVER_MISSING,
            "the cluster is gone",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("dynamic_active_clusters"),
                    map ->
                        list(map, "dynamic_active_clusters")
                            .removeIf(
                                one -> "kith_server".equals(at(one, "cluster").get("name"))))),
        new Fault(
            "a Sidecar hides the service that an altered recipe asks",
            List.of(
                Rule.UNGUARDED_CHAIN,
                Rule.UNGUARDED_REQUESTS,
                Rule.WEAKENED_CHECK,
                Rule.SERVER_MISSING),
            "clean",
            dump -> {
              each(
                  dump.sidecar(CART),
                  map ->
                      "kith_server".equals(map.get("cluster_name")) && map.containsKey("authority"),
                  map ->
                      map.put("cluster_name", "outbound|9191||kith-checks.kith.svc.cluster.local"));
              dump.add(
                  """
                  apiVersion: networking.istio.io/v1
                  kind: Sidecar
                  metadata: {name: default, namespace: shop}
                  spec: {egress: [{hosts: ["./*"]}]}
                  """);
            }),
        of(
            Rule.SERVER_UNHEALTHY,
            "no healthy address",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("health_status"),
                    map -> map.put("health_status", "UNHEALTHY"))),
        of(
            Rule.SERVER_UNHEALTHY,
            "a name that does not resolve",
            dump ->
                each(
                    dump.sidecar(CART),
                    map ->
                        "kith_server".equals(map.get("cluster_name")) && map.containsKey("policy"),
                    map -> map.put("endpoints", List.of()))),
        of(
            Rule.SERVER_UNHEALTHY,
            "another identity answers",
            dump ->
                dump.counters.put(
                    CART,
                    Map.of(
                        "cluster.kith_server.upstream_cx_active", 0L,
                        "cluster.kith_server.ssl.fail_verify_san", 7L))),
        of(
            Rule.SERVER_NOT_PINNED,
            "no name is pinned",
            dump -> {
              each(
                  List.of(dump.objects, List.copyOf(dump.sidecars.values())),
                  map -> map.containsKey("match_typed_subject_alt_names"),
                  map -> map.remove("match_typed_subject_alt_names"));
            }),
        of(
            Rule.SERVER_NOT_PINNED,
            "no TLS",
            dump ->
                each(
                    List.of(dump.objects, List.copyOf(dump.sidecars.values())),
                    map ->
                        "kith_server".equals(map.get("name"))
                            && map.containsKey("transport_socket"),
                    map -> map.remove("transport_socket"))));
  }

  // ---- the sidecar

  private static List<Fault> sidecars() {
    return List.of(
        of(
            Rule.ADMIN_EXPOSED,
            "administration on all addresses",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("admin"),
                    map ->
                        at(map, "admin", "address", "socket_address").put("address", "0.0.0.0"))),
        of(
            Rule.REJECTED_UPDATE,
            "a listener that Envoy does not take",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> "0.0.0.0_443".equals(map.get("name")) && map.containsKey("active_state"),
                    map ->
                        map.put(
                            "error_state",
                            Map.of("details", "Didn't find a registered implementation")))),
        of(
            Rule.REJECTED_UPDATE,
            "a rejected update since the start",
            dump -> dump.counters.put(CART, Map.of("listener_manager.lds.update_rejected", 2L))),
        of(
            Rule.NOT_SYNCED,
            "listeners that the sidecar did not acknowledge",
            dump ->
                dump.firstSay(
                    doctor ->
                        doctor.judge(
                            new IstiodDump(
                                "istiod-7d4f-x2x7l",
                                "",
                                List.of(
                                    synced("cart-0.shop", "3"),
                                    synced("catalog-0.shop", "4"),
                                    synced("gone-0.shop", "3")))))),
        of(
            Rule.ISTIO_SKEW,
            "istiod says that it is two versions ahead",
            dump ->
                dump.firstSay(
                    doctor ->
                        doctor.judge(new IstiodDump("istiod-1", "1.33.1-ab12-Clean", List.of())))),
        of(
            Rule.UNKNOWN_FIELDS,
            "fields that Envoy does not know",
            dump -> dump.counters.put(CART, Map.of("server.dynamic_unknown_fields", 26L))),
        of(
            Rule.OLD_ENVOY,
            "Envoy 1.39",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> map.containsKey("minor_number"),
                    map -> map.put("minor_number", 39))),
        of(Rule.ISTIO_SKEW, "istiod is two versions ahead", dump -> dump.add(istiod("1.33.1"))),
        of(Rule.ISTIO_SKEW, "istiod is behind", dump -> dump.add(istiod("1.30.4"))),
        of(
            Rule.CERTIFICATE_EXPIRED,
            "nobody renewed the certificates",
            dump -> dump.now = dump.now.plus(Duration.ofHours(25))),
        of(
            Rule.CERTIFICATE_ENDING,
            "renewal is late",
            dump -> dump.now = dump.now.plus(Duration.ofHours(22))),
        of(
            Rule.CLOCK_SKEW,
            "a clock that is ahead",
            dump -> dump.clocks.put(CART, dump.asked(CART).plusSeconds(95))),
        of(
            Rule.CLOCK_SKEW,
            "a clock that is behind istiod's",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> "default".equals(map.get("name")) && map.containsKey("last_updated"),
                    map -> map.put("last_updated", "2026-11-20T07:00:00.000Z"))));
  }

  private static String istiod(String version) {
    return """
    apiVersion: v1
    kind: Pod
    metadata: {name: istiod-0, namespace: istio-system, labels: {app: istiod}}
    spec: {nodeName: node-1, containers: [{name: discovery, image: "example.org/istio/pilot:%s"}]}
    status: {phase: Running}
    """
        .formatted(version);
  }

  // ---- objects of Istio

  private static List<Fault> istio() {
    return List.of(
        of(
            Rule.SIDECAR_WITHOUT_CAPTURE,
            "a Sidecar that captures nothing",
            dump ->
                dump.add(
                    """
                    apiVersion: networking.istio.io/v1
                    kind: Sidecar
                    metadata: {name: default, namespace: shop}
                    spec:
                      egress:
                      - {port: {number: 5432, protocol: TCP, name: db}, captureMode: NONE, hosts: ["./*"]}
                    """)),
        new Fault(
            "REGISTRY_ONLY beside the strict recipe",
            List.of(Rule.REGISTRY_ONLY_WITH_STRICT),
            "strict",
            dump ->
                at(dump.object("ConfigMap", "istio"), "data")
                    .put("mesh", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n")),
        new Fault(
            "a Sidecar with REGISTRY_ONLY beside the strict recipe",
            List.of(Rule.REGISTRY_ONLY_WITH_STRICT),
            "strict",
            dump ->
                dump.add(
                    """
                    apiVersion: networking.istio.io/v1
                    kind: Sidecar
                    metadata: {name: default, namespace: shop}
                    spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ["*/*"]}]}
                    """)),
        new Fault(
            "a Sidecar with REGISTRY_ONLY for namespaces without one",
            List.of(Rule.REGISTRY_ONLY_WITH_STRICT),
            "strict",
            dump ->
                dump.add(
                    sidecar("istio-system", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"))),
        new Fault(
            "a Sidecar with a policy that says no mode",
            List.of(Rule.REGISTRY_ONLY_WITH_STRICT),
            "strict",
            dump -> dump.add(sidecar("shop", "{outboundTrafficPolicy: {}}"))),
        new Fault(
            "a Sidecar with an egress proxy",
            List.of(Rule.REGISTRY_ONLY_WITH_STRICT),
            "strict",
            dump ->
                dump.add(
                    sidecar(
                        "shop",
                        "{workloadSelector: {labels: {app: cart}}, outboundTrafficPolicy: {mode:"
                            + " ALLOW_ANY, egressProxy: {host: egress.istio-system.svc.cluster.local,"
                            + " port: {number: 443}}}}"))),
        of(
            Rule.NO_SERVER_NAMES,
            "no TLS inspector",
            dump ->
                each(
                    dump.sidecar(CART),
                    map -> "OUTBOUND".equals(map.get("traffic_direction")),
                    map -> map.remove("listener_filters"))),
        of(
            Rule.EXCLUDED_BY_MESH,
            "the injector excludes a block",
            dump ->
                at(dump.object("ConfigMap", "istio-sidecar-injector"), "data")
                    .put(
                        "values",
                        "{global: {proxy: {excludeIPRanges: 10.7.0.0/16, includeIPRanges: '*'}}}")),
        of(
            Rule.UDP,
            "a service of QUIC",
            dump ->
                dump.add(
                    """
                    apiVersion: v1
                    kind: Service
                    metadata: {name: edge, namespace: shop}
                    spec: {ports: [{name: http3, port: 443, protocol: UDP}]}
                    """)));
  }

  static String sidecar(String namespace, String spec) {
    return """
    apiVersion: networking.istio.io/v1
    kind: Sidecar
    metadata: {name: default, namespace: %s}
    spec: %s
    """
        .formatted(namespace, spec);
  }

  // ---- pods

  private static String pod(String labels, String spec) {
    return """
    apiVersion: v1
    kind: Pod
    metadata: {name: job-0, namespace: shop, labels: {%s}}
    spec:
      nodeName: node-1
      containers: [{name: job, image: example.org/job, securityContext: {capabilities: {drop: [ALL]}}}]
      %s
    status: {phase: Running, podIPs: [{ip: 10.88.0.9}]}
    """
        .formatted(labels, spec);
  }

  private static Map<String, Object> container(String name, String security) {
    return yaml("{name: %s, image: example.org/x, securityContext: %s}".formatted(name, security));
  }

  private static final String DROPPED =
      "{runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}";

  private static List<Fault> pods() {
    return List.of(
        of(Rule.NOT_INJECTED, "a pod from before the injector", dump -> dump.add(pod("", ""))),
        of(
            Rule.OPTED_OUT,
            "a pod that asked for no sidecar",
            dump -> dump.add(pod("sidecar.istio.io/inject: \"false\"", ""))),
        of(
            Rule.HOST_NETWORK,
            "a pod on the node's network",
            dump -> dump.add(pod("", "hostNetwork: true"))),
        of(
            Rule.NOT_CAPTURED,
            "interception mode NONE",
            dump -> dump.annotations("cart-0").put("sidecar.istio.io/interceptionMode", "NONE")),
        of(
            Rule.EXCLUDED_TRAFFIC,
            "an excluded port",
            dump ->
                dump.annotations("cart-0")
                    .put("traffic.sidecar.istio.io/excludeOutboundPorts", "3306")),
        of(
            Rule.EXCLUDED_TRAFFIC,
            "an excluded block",
            dump ->
                dump.annotations("cart-0")
                    .put("traffic.sidecar.istio.io/excludeOutboundIPRanges", "10.7.0.0/16")),
        of(
            Rule.EXCLUDED_TRAFFIC,
            "only one block is redirected",
            dump ->
                dump.annotations("cart-0")
                    .put("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.96.0.0/16")),
        of(
            Rule.EXCLUDED_TRAFFIC,
            "arguments that somebody wrote into the pod",
            dump ->
                list(at(dump.pod("cart-0"), "spec"), "initContainers").stream()
                    .filter(named("istio-init"))
                    .forEach(
                        one -> one.put("args", List.of("istio-iptables", "-i", "*", "-o", "25")))),
        of(
            Rule.NOT_CAPTURED,
            "an istio-init that lays no rule",
            dump -> capturing(dump).put("args", List.of("-i", "*", "--skip-rule-apply"))),
        of(
            Rule.NOT_CAPTURED,
            "an istio-init that redirects nothing",
            dump -> capturing(dump).put("args", List.of("-m", "REDIRECT -i * -x  -b * -d 15090"))),
        of(
            Rule.IPV6,
            "two families, one redirected",
            dump -> list(at(dump.pod("cart-0"), "status"), "podIPs").add(yaml("{ip: 'fd00::1'}"))),
        of(
            Rule.INIT_BEFORE_PROXY,
            "an init container before a native sidecar",
            dump ->
                list(at(dump.pod("cart-0"), "spec"), "initContainers")
                    .addFirst(container("migrate", DROPPED))),
        of(
            Rule.INIT_BEFORE_PROXY,
            "an init container without a native sidecar",
            dump -> {
              var spec = at(dump.pod("cart-0"), "spec");
              var init = list(spec, "initContainers");
              list(spec, "containers").addAll(init.stream().filter(named("istio-proxy")).toList());
              init.removeIf(named("istio-proxy"));
              init.add(container("migrate", DROPPED));
            }),
        of(
            Rule.RAW_PACKETS,
            "a container with NET_RAW",
            dump -> capabilities(dump).put("add", List.of("NET_RAW"))),
        of(
            Rule.RAW_PACKETS,
            "a container with NET_ADMIN by its other name",
            dump -> capabilities(dump).put("add", List.of("CAP_NET_ADMIN"))),
        of(
            Rule.RAW_PACKETS,
            "a container that may look into other processes",
            dump -> capabilities(dump).put("add", List.of("SYS_PTRACE"))),
        of(
            Rule.RAW_PACKETS,
            "a container that may load programs into the kernel",
            dump -> capabilities(dump).put("add", List.of("CAP_BPF", "PERFMON", "SYS_MODULE"))),
        of(
            Rule.RAW_PACKETS,
            "a privileged container",
            dump -> at(dump.container("cart-0"), "securityContext").put("privileged", true)),
        of(
            Rule.DEFAULT_CAPABILITIES,
            "a container as the runtime makes it",
            dump -> dump.container("cart-0").remove("securityContext")));
  }

  /** The container that lays the redirection. */
  private static Map<String, Object> capturing(MeshDump dump) {
    return init(dump, "istio-init");
  }

  private static Map<String, Object> init(MeshDump dump, String name) {
    return list(at(dump.pod("cart-0"), "spec"), "initContainers").stream()
        .filter(named(name))
        .findFirst()
        .orElseThrow();
  }

  private static Map<String, Object> capabilities(MeshDump dump) {
    return at(dump.container("cart-0"), "securityContext", "capabilities");
  }

  private static List<Fault> users() {
    return List.of(
        of(
            Rule.PROXY_USER,
            "an image whose own user is 1337",
            dump -> {
              at(dump.container("cart-0"), "securityContext").remove("runAsUser");
              at(dump.container("cart-0"), "securityContext").put("runAsNonRoot", true);
              list(at(dump.pod("cart-0"), "status"), "containerStatuses")
                  .add(yaml("{name: cart, user: {linux: {uid: 1337, gid: 0}}}"));
            }),
        of(
            Rule.PROXY_USER,
            "a container as user 1337",
            dump -> at(dump.container("cart-0"), "securityContext").put("runAsUser", 1337)),
        of(
            Rule.PROXY_USER,
            "a container of group 1337",
            dump -> at(dump.container("cart-0"), "securityContext").put("runAsGroup", 1337)),
        of(
            Rule.PROXY_USER,
            "a pod of group 1337",
            dump -> at(dump.pod("cart-0"), "spec", "securityContext").put("runAsGroup", 1337)),
        of(
            Rule.PROXY_USER,
            "an init container as user 1337",
            dump ->
                list(at(dump.pod("cart-0"), "spec"), "initContainers")
                    .add(
                        container(
                            "fetch",
                            "{runAsUser: 1337, allowPrivilegeEscalation: false, capabilities:"
                                + " {drop: [ALL]}}"))),
        of(
            Rule.PROXY_USER,
            "an ephemeral container as user 1337",
            dump ->
                list(at(dump.pod("cart-0"), "spec"), "ephemeralContainers")
                    .add(
                        container(
                            "debug",
                            "{runAsUser: 1337, allowPrivilegeEscalation: false, capabilities:"
                                + " {drop: [ALL]}}"))),
        of(
            Rule.PROXY_USER_SEEN,
            "the guard of one of several servers refused the proxy's user",
            dump ->
                dump.metrics =
                    """
                    # TYPE kith_guard_seen_total counter
                    kith_guard_seen_total{reason="datagram"} 7
                    kith_guard_seen_total{reason="proxy_user"} 2
                    # TYPE kith_guard_refused_total counter
                    kith_guard_refused_total{reason="proxy_user"} 0
                    # TYPE kith_guard_seen_total counter
                    kith_guard_seen_total{reason="proxy_user"} 15
                    # TYPE kith_guard_refused_total counter
                    kith_guard_refused_total{reason="proxy_user"} 8
                    kith_guard_refused_total{reason="proxy_user"} 4
                    """));
  }

  private static List<Fault> withinReach() {
    return List.of(
        reached("hostPID", dump -> at(dump.pod("cart-0"), "spec").put("hostPID", true)),
        reached("hostIPC", dump -> at(dump.pod("cart-0"), "spec").put("hostIPC", true)),
        reached(
            "shareProcessNamespace",
            dump -> at(dump.pod("cart-0"), "spec").put("shareProcessNamespace", true)),
        reached(
            "a container with the sidecar's keys",
            dump ->
                list(dump.container("cart-0"), "volumeMounts")
                    .addAll(
                        List.of(
                            yaml("{name: data, mountPath: /data}"),
                            yaml("{name: workload-certs, mountPath: /certs}")))),
        new Fault(
            "a volume by another name that the sidecar mounts",
            List.of(Rule.OTHER_SIDECAR, Rule.SIDECAR_WITHIN_REACH),
            "clean",
            dump -> {
              list(init(dump, "istio-proxy"), "volumeMounts")
                  .add(yaml("{name: mine, mountPath: /var/run/secrets/workload-spiffe-uds}"));
              list(dump.container("cart-0"), "volumeMounts")
                  .add(yaml("{name: mine, mountPath: /mine}"));
            }),
        reached(
            "an ephemeral container within the sidecar",
            dump -> {
              var debug = container("debug", DROPPED);
              debug.put("targetContainerName", "istio-proxy");
              list(at(dump.pod("cart-0"), "spec"), "ephemeralContainers").add(debug);
            }));
  }

  private static Fault reached(String what, Consumer<MeshDump> seed) {
    return of(Rule.SIDECAR_WITHIN_REACH, what, seed);
  }

  private static List<Fault> otherSidecars() {
    var all = new ArrayList<Fault>();
    for (var annotation : OtherSidecar.ANNOTATIONS.stream().sorted().toList()) {
      all.add(other("annotation " + annotation, annotation, "x"));
    }
    all.add(
        other(
            "a template without redirection beside the sidecar's",
            "inject.istio.io/templates",
            "sidecar,grpc-agent"));
    all.add(
        other(
            "the same behind a blank that only the injector takes for one",
            "inject.istio.io/templates",
            "sidecar,\u00a0grpc-agent"));
    all.add(other("an environment of the proxy", OtherSidecar.CONFIG, "proxyMetadata: {A: b}"));
    all.add(other("another bootstrap", OtherSidecar.CONFIG, "{\"custom_config_file\": \"/x\"}"));
    all.add(other("settings that cannot be read", OtherSidecar.CONFIG, "[concurrency"));
    all.add(
        of(
            Rule.OTHER_SIDECAR,
            "a proxy with a configuration of the pod's",
            dump ->
                list(init(dump, "istio-proxy"), "volumeMounts")
                    .add(yaml("{name: mine, mountPath: /etc/istio/config}"))));
    all.add(
        of(
            Rule.OTHER_SIDECAR,
            "a proxy that sees a part of a volume",
            dump ->
                list(init(dump, "istio-proxy"), "volumeMounts")
                    .add(yaml("{name: istio-data, mountPath: /var/lib/istio/data, subPath: x}"))));
    all.add(
        of(
            Rule.OTHER_SIDECAR,
            "a proxy of somebody else's",
            dump ->
                each(
                    dump.pod("cart-0"),
                    named("istio-proxy"),
                    proxy -> proxy.put("image", "docker.io/istio.example/proxyv2:1.31.0"))));
    return all;
  }

  private static Fault other(String what, String annotation, String value) {
    return of(Rule.OTHER_SIDECAR, what, dump -> dump.annotations("cart-0").put(annotation, value));
  }

  private static final String ENFORCED =
      "{kind: Scope, metadata: {name: all, namespace: ops}, spec: {mode: enforce}}";

  /** A binding of the policy as the chart makes it. */
  private static String binding(String policy, String actions, String resources) {
    return """
    kind: ValidatingAdmissionPolicyBinding
    metadata: {name: one}
    spec: {policyName: %s, validationActions: [%s], matchResources: {%s}}
    """
        .formatted(policy, actions, resources);
  }

  static String selecting(String expression) {
    return "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator:"
        + " NotIn, values: [kube-system]}, "
        + expression
        + "]}";
  }

  static final String IN_OPS = "{key: kubernetes.io/metadata.name, operator: In, values: [ops]}";

  private static Fault unrefused(String what, String... bindings) {
    return of(
        Rule.PODS_NOT_REFUSED,
        what,
        dump -> {
          dump.add(ENFORCED);
          List.of(bindings).forEach(dump::add);
          refuseTheRest(dump, AdmissionPolicy.KITH_PODS);
        });
  }

  /** Policies and bindings of all but one, as the chart makes them. */
  static void refuseTheRest(MeshDump dump, AdmissionPolicy... but) {
    for (var policy : AdmissionPolicy.values()) {
      dump.add("{kind: ValidatingAdmissionPolicy, metadata: {name: %s}}".formatted(policy.id()));
      if (!List.of(but).contains(policy)) {
        dump.add(binding(policy.id(), "Deny", ""));
      }
    }
  }

  private static Fault incomplete(AdmissionPolicy policy) {
    return of(
        Rule.ADMISSION_INCOMPLETE,
        "nothing binds " + policy.id(),
        dump -> {
          dump.add(ENFORCED);
          refuseTheRest(dump, policy);
        });
  }

  private static Fault gone(AdmissionPolicy policy, Rule rule) {
    return of(
        rule,
        "the policy " + policy.id() + " is gone, and its binding is there",
        dump -> {
          dump.add(ENFORCED);
          refuseTheRest(dump);
          dump.objects.removeIf(
              one ->
                  AdmissionPolicy.KIND.equals(one.get("kind"))
                      && policy.id().equals(at(one, "metadata").get("name")));
        });
  }

  private static List<Fault> admission() {
    return List.of(
        incomplete(AdmissionPolicy.KITH_MESH_RESOURCES),
        incomplete(AdmissionPolicy.KITH_FAILURE_MODES),
        incomplete(AdmissionPolicy.KITH_EPHEMERAL_CONTAINERS),
        incomplete(AdmissionPolicy.KITH_PODS_RUNNING),
        incomplete(AdmissionPolicy.KITH_SESSIONS),
        incomplete(AdmissionPolicy.KITH_POD_LABELS),
        new Fault(
            "there are no bindings at all",
            List.of(Rule.PODS_NOT_REFUSED, Rule.ADMISSION_INCOMPLETE),
            "clean",
            dump -> {
              dump.add(ENFORCED);
              dump.add("{kind: ValidatingAdmissionPolicyBindingList, items: []}");
            }),
        unrefused(
            "pods are warned about where they should be refused",
            binding("kith-pods", "Warn, Audit", selecting(IN_OPS))),
        unrefused(
            "another policy refuses something",
            binding("kith-mesh-resources", "Deny", selecting(IN_OPS))),
        unrefused(
            "another namespace's pods are refused",
            binding("kith-pods", "Deny", selecting(IN_OPS.replace("[ops]", "[shop]")))),
        unrefused(
            "only pods that ask for a sidecar are refused",
            binding(
                "kith-pods",
                "Deny",
                selecting(IN_OPS)
                    + ", objectSelector: {matchLabels: {sidecar.istio.io/inject: 'true'}}")),
        unrefused(
            "some pods are left out",
            binding(
                "kith-pods",
                "Deny",
                selecting(IN_OPS)
                    + ", excludeResourceRules: [{apiGroups: [''], apiVersions: [v1], operations:"
                    + " [CREATE], resources: [pods], resourceNames: [debug]}]")),
        unrefused(
            "only some pods are refused",
            binding(
                "kith-pods",
                "Deny",
                selecting(IN_OPS)
                    + ", resourceRules: [{apiGroups: [''], apiVersions: [v1], operations:"
                    + " [CREATE], resources: [pods], resourceNames: [debug]}]")),
        unrefused(
            "the namespace is exempt",
            binding(
                "kith-pods",
                "Deny",
                selecting("{key: kubernetes.io/metadata.name, operator: NotIn, values: [ops]}"))),
        gone(AdmissionPolicy.KITH_PODS, Rule.PODS_NOT_REFUSED),
        gone(AdmissionPolicy.KITH_FAILURE_MODES, Rule.ADMISSION_INCOMPLETE));
  }

  /** As a control server says it: no bridge is its own. */
  static void onNodes(MeshDump dump, String problem) {
    list(dump.status, "bridges").clear();
    list(dump.status, "check_servers")
        .add(
            new HashMap<>(
                Map.of(
                    "name",
                    "spiffe://cluster.local/ns/kith/sa/kith-node#node-1",
                    "version",
                    dump.status.get("server_version"))));
    dump.status.put(
        "nodes",
        List.of(Map.of("node", "node-1", "problem", problem, "heard", dump.now.toString())));
  }

  /** A pod of Kith's, made in the morning of a day. */
  static String podOfKith(String name, String image, String day) {
    return """
    apiVersion: v1
    kind: Pod
    metadata: {name: %s, namespace: kith, creationTimestamp: "%sT09:00:00Z", labels: {app.kubernetes.io/name: kith}}
    spec: {nodeName: node-1, containers: [{name: kith, image: "%s"}]}
    """
        .formatted(name, day, image);
  }

  private static List<Fault> kith() {
    return List.of(
        of(
            Rule.NO_BRIDGE,
            "a node without a bridge",
            dump -> at(dump.pod("cart-0"), "spec").put("nodeName", "node-2")),
        of(
            Rule.BRIDGE_UNWELL,
            "a bridge with a problem",
            dump -> {
              dump.add(
                  """
                  apiVersion: v1
                  kind: Pod
                  metadata: {name: kith-bridge-x7k2p, namespace: kith, labels: {app.kubernetes.io/name: kith}}
                  spec: {nodeName: node-1, containers: [{name: bridge, image: "example.org/kith:0.1.0"}]}
                  """);
              list(dump.status, "bridges")
                  .getFirst()
                  .put("problems", List.of("no cgroup hook: the kernel refuses it"));
            }),
        of(
            Rule.BRIDGE_UNWELL,
            "a bridge that does not find itself",
            dump -> list(dump.status, "bridges").getFirst().put("canary_ok", false)),
        of(
            Rule.NO_BRIDGE,
            "a node without a bridge, where bridges are connected to check servers",
            dump -> {
              onNodes(dump, "");
              at(dump.pod("cart-0"), "spec").put("nodeName", "node-2");
            }),
        of(
            Rule.BRIDGE_UNWELL,
            "a bridge with a problem, as its check server heard",
            dump -> onNodes(dump, "it does not find its own connection")),
        of(
            Rule.KITH_SKEW,
            "a bridge that was not updated",
            dump -> {
              dump.add(podOfKith("authz-server-0", "example.org/kith:0.2.0", "2026-11-02"));
              dump.add(podOfKith("bridge-x", "example.org/kith:0.1.0", "2026-11-01"));
            }),
        of(
            Rule.KITH_SKEW,
            "a check server of another version",
            dump ->
                list(dump.status, "check_servers")
                    .add(
                        yaml(
                            "{name: 'spiffe://cluster.local/ns/kith/sa/check-server#node-1',"
                                + " version: 0.0.9}"))));
  }
}
