package io.kith.istio;

import static io.kith.istio.Checks.CONNECTION_ID;
import static io.kith.istio.Checks.L4;
import static io.kith.istio.Checks.L7;
import static io.kith.istio.Clusters.wide;
import static io.kith.istio.Typed.config;
import static io.kith.istio.Typed.httpManager;
import static io.kith.istio.Typed.literal;
import static io.kith.istio.Typed.router;
import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;
import static io.kith.istio.Yaml.withoutEmptyLists;
import static java.util.Objects.requireNonNull;

import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Envoy's bootstrap for one recipe, listener by listener. */
final class StandaloneBootstrap {
  /* Names that appear in Envoy's counters and logs. */
  private static final String PASSTHROUGH = "kith_passthrough";
  private static final String BLACKHOLE = "kith_blackhole";
  private static final String SDS = "kith_sds";
  private static final String OTLP = "kith_otlp";
  private static final String INBOUND = "kith_inbound";

  private static final String KEEP = "envoy.filters.network.set_filter_state";

  private final StandaloneRecipe recipe;
  private final Checks checks;
  private final Watching watching;

  StandaloneBootstrap(StandaloneRecipe recipe) {
    this.recipe = recipe;
    checks = new Checks(literal(recipe.node()), recipe.timeout(), recipe.failureModeAllow());
    watching = new Watching(recipe.workload() + "-envoy", recipe.otlp() == null ? null : OTLP);
  }

  Map<String, Object> document() {
    return withoutEmptyLists(
        map(
            "node",
            map("id", recipe.workload(), "cluster", recipe.workload()),
            "admin",
            admin(),
            "bootstrap_extensions",
            gated()
                ? List.of(
                    typed(
                        "envoy.bootstrap.internal_listener",
                        "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"))
                : List.of(),
            "static_resources",
            map("listeners", listeners(), "clusters", clusters())));
  }

  private boolean gated() {
    return recipe.tcp() == TcpCheck.GATE;
  }

  /** Health and counters only: a POST to the whole page could switch a filter off. */
  private Map<String, Object> admin() {
    return map(
        "address",
        socketAddress("127.0.0.1", recipe.adminPort()),
        "allow_paths",
        List.of(map("exact", "/ready"), map("prefix", "/stats"), map("exact", "/certs")));
  }

  // ---- listeners

  private List<Object> listeners() {
    var listeners = new ArrayList<Object>();
    switch (recipe.capture()) {
      case Redirected() -> {
        listeners.add(captureListener());
        recipe
            .tlsPorts()
            .forEach(
                port ->
                    listeners.add(behindCapture("tls_" + port, port, tlsChain(PASSTHROUGH), true)));
        recipe
            .httpPorts()
            .forEach(
                port ->
                    listeners.add(
                        behindCapture("http_" + port, port, httpChain(PASSTHROUGH), false)));
        if (gated()) {
          listeners.add(gateListener());
        }
      }
      case Dialled(var forwards) ->
          forwards.forEach(forward -> listeners.add(dialledListener(forward)));
    }
    var inbound = recipe.inbound();
    if (inbound != null) {
      listeners.add(inboundListener(inbound));
    }
    return listeners;
  }

  /**
   * The port that captured connections arrive at. A connection dialled to that very port would be
   * handed to itself for ever, so it ends in a black hole.
   */
  private Map<String, Object> captureListener() {
    return map(
        "name",
        "outbound",
        "traffic_direction",
        "OUTBOUND",
        "address",
        socketAddress("0.0.0.0", StandaloneRecipe.CAPTURE_PORT),
        "additional_addresses",
        List.of(map("address", socketAddress("::", StandaloneRecipe.CAPTURE_PORT))),
        "use_original_dst",
        true,
        "filter_chains",
        List.of(
            map(
                "name",
                "blackhole",
                "filter_chain_match",
                map("destination_port", StandaloneRecipe.CAPTURE_PORT),
                "filters",
                List.of(tcpProxy("blackhole", map("cluster", BLACKHOLE)))),
            map("name", "passthrough", "filters", gated() ? gateChain() : tcpChain(PASSTHROUGH))));
  }

  /**
   * A listener without a socket of its own: the capture listener hands it the connections to its
   * port.
   */
  private Map<String, Object> behindCapture(
      String name, int port, List<Object> filters, boolean tls) {
    return withoutEmptyLists(
        map(
            "name",
            "outbound_" + name,
            "traffic_direction",
            "OUTBOUND",
            "bind_to_port",
            false,
            "address",
            socketAddress("0.0.0.0", port),
            "additional_addresses",
            List.of(map("address", socketAddress("::", port))),
            "listener_filters",
            tls ? List.of(tlsInspector()) : List.of(),
            "filter_chains",
            List.of(map("filters", filters))));
  }

  private Map<String, Object> dialledListener(Forward forward) {
    int port = forward.destination().port();
    boolean tls = recipe.tlsPorts().contains(port);
    var filters =
        recipe.httpPorts().contains(port)
            ? httpChain(forward.name())
            : tls ? tlsChain(forward.name()) : tcpChain(forward.name());
    return withoutEmptyLists(
        map(
            "name",
            "dialled_" + forward.name(),
            "traffic_direction",
            "OUTBOUND",
            "address",
            socketAddress("127.0.0.1", forward.listenPort()),
            "listener_filters",
            tls ? List.of(tlsInspector()) : List.of(),
            "filter_chains",
            List.of(map("filters", filters))));
  }

  /**
   * Requests of other workloads, over mutual TLS. What the caller's side says of a request goes to
   * the server, and no further: also where the server is not asked or does not answer.
   */
  private Map<String, Object> inboundListener(StandaloneRecipe.Inbound inbound) {
    var manager = httpManager("stat_prefix", "inbound");
    var config = config(manager);
    config.putAll(watching.ofManager("inbound"));
    config.put(
        "route_config",
        Routes.any(
            map(
                "match",
                map("prefix", "/"),
                "route",
                map("cluster", INBOUND),
                "request_headers_to_remove",
                List.of(Provenance.HEADER))));
    config.put("http_filters", List.of(checks.ofRequest(L7, checks.inbound()), router()));
    return map(
        "name",
        "inbound",
        "traffic_direction",
        "INBOUND",
        "address",
        socketAddress(inbound.listen()),
        "filter_chains",
        List.of(map("filters", List.of(manager), "transport_socket", tls().fromPeers())));
  }

  // ---- chains of filters

  /** Any TCP protocol: a check at the first byte of the client. */
  private List<Object> tcpChain(String cluster) {
    return List.of(l4Check(cluster), tcpProxy("passthrough", map("cluster", cluster)));
  }

  /** The client speaks first, so Envoy can wait with connecting until the answer is there. */
  private List<Object> tlsChain(String cluster) {
    return List.of(
        l4Check(cluster),
        tcpProxy(
            "tls",
            map(
                "cluster",
                cluster,
                "upstream_connect_mode",
                "ON_DOWNSTREAM_DATA",
                "max_early_data_bytes",
                16_384)));
  }

  /**
   * A check per connection, which finds the process, and one per request, which sees method and
   * host.
   *
   * <p>Only that of the request refuses: the client gets an answer with the decision's id instead
   * of an end of its connection, and the refusal is in the client's own trace. Nothing leaves
   * before it; what is no request gets an error of Envoy's.
   */
  private List<Object> httpChain(String cluster) {
    var check = checks.ofHttpConnection(L4, l4Service(cluster));
    var manager = manager(cluster);
    if (!recipe.shortCut()) {
      return List.of(check, manager);
    }
    Checks.askWhatIsSpared(check, cluster);
    config(manager).put("common_http_protocol_options", ShortCut.limits());
    return List.of(check, ShortCut.keep(KEEP), manager);
  }

  /** Every protocol at connect. */
  private List<Object> gateChain() {
    return List.of(tcpProxy("gate", Gate.tunnel(Gate.NAME)));
  }

  private Map<String, Object> gateListener() {
    return Gate.listener(
        Gate.NAME, checks.ofRequest(L7, Gate.service(checks)), watching.ofManager("gate"));
  }

  // ---- filters

  /**
   * The check of a connection.
   *
   * @param cluster the only one that the connection can be routed to
   */
  private Map<String, Object> l4Check(String cluster) {
    return checks.ofConnection(L4, l4Service(cluster));
  }

  private Map<String, Object> l4Service(String cluster) {
    // Before it connects, Envoy has no upstream cluster yet; who dials has dialled one by its port.
    var routed = recipe.capture() instanceof Dialled ? literal(cluster) : Checks.UPSTREAM_CLUSTER;
    return checks.outbound(routed, CONNECTION_ID);
  }

  private static Map<String, Object> tcpProxy(String prefix, Map<String, Object> settings) {
    var filter = Typed.tcpProxy("stat_prefix", prefix);
    var config = config(filter);
    config.putAll(settings);
    config.put("access_log", List.of(Watching.accessLog("tcp", L4)));
    return filter;
  }

  private Map<String, Object> manager(String cluster) {
    var filter = httpManager("stat_prefix", "http");
    var manager = config(filter);
    manager.putAll(watching.ofManager("http"));
    manager.put("early_header_mutation_extensions", List.of(Provenance.keptFromLeaving()));
    manager.put("route_config", Routes.to(cluster));
    var check = checks.ofRequest(L7, checks.outbound(Checks.UPSTREAM_CLUSTER, CONNECTION_ID));
    manager.put(
        "http_filters",
        List.of(recipe.shortCut() ? ShortCut.unlessSpared(check, cluster) : check, router()));
    return filter;
  }

  private static Map<String, Object> tlsInspector() {
    return typed(
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector");
  }

  // ---- clusters

  private List<Object> clusters() {
    var clusters = new ArrayList<Object>();
    clusters.add(serverCluster());
    var identity = recipe.identity();
    if (identity != null) {
      clusters.add(Clusters.grpc(SDS, map("pipe", map("path", identity.sdsSocket()))));
    }
    switch (recipe.capture()) {
      case Redirected() -> {
        clusters.add(wide(Clusters.originalDestination(PASSTHROUGH)));
        clusters.add(map("name", BLACKHOLE, "type", "STATIC", "connect_timeout", "1s"));
      }
      case Dialled(var forwards) ->
          forwards.forEach(forward -> clusters.add(dialledCluster(forward)));
    }
    var inbound = recipe.inbound();
    if (inbound != null) {
      clusters.add(wide(Clusters.of(INBOUND, socketAddress(inbound.application()))));
    }
    if (gated()) {
      clusters.add(Gate.cluster(Gate.NAME));
      clusters.add(Gate.passthrough());
    }
    var otlp = recipe.otlp();
    if (otlp != null) {
      clusters.add(Clusters.grpc(OTLP, socketAddress(otlp)));
    }
    return clusters;
  }

  private Map<String, Object> dialledCluster(Forward forward) {
    var cluster = wide(Clusters.of(forward.name(), socketAddress(forward.destination())));
    if (forward.peer() != null) {
      cluster.put("transport_socket", tls().to(forward.peer(), List.of()));
    }
    return cluster;
  }

  private Map<String, Object> serverCluster() {
    var cluster = wide(Clusters.grpc(Clusters.SERVER, socketAddress(recipe.server())));
    if (recipe.identity() != null) {
      cluster.put("transport_socket", tls().to(recipe.serverId(), List.of("h2")));
    }
    return cluster;
  }

  private Tls tls() {
    return Tls.of(requireNonNull(recipe.identity()), SDS);
  }

  // ---- small parts

  private static Map<String, Object> socketAddress(Address address) {
    return socketAddress(address.host(), address.port());
  }

  private static Map<String, Object> socketAddress(String host, int port) {
    return Clusters.socketAddress(host, port);
  }
}
