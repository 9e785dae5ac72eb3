package io.kith.istio;

import static io.kith.istio.Yaml.map;
import static io.kith.istio.Yaml.withoutEmptyLists;
import static java.util.Objects.requireNonNull;

import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Envoy's bootstrap for one recipe, listener by listener. */
final class StandaloneBootstrap {
  /* Names that appear in Envoy's counters and logs. */
  static final String SERVER_CLUSTER = "kith_server";
  static final String PASSTHROUGH = "kith_passthrough";
  static final String GATE = "kith_gate";
  private static final String GATE_PASSTHROUGH = "kith_gate_passthrough";
  private static final String BLACKHOLE = "kith_blackhole";
  private static final String SDS_CLUSTER = "kith_sds";
  private static final String OTLP_CLUSTER = "kith_otlp";

  private static final String INBOUND = "kith_inbound";

  /**
   * Says from which process a request is; travels between proxies, and no application sees it. Kith
   * sets it where it lets a request out.
   */
  private static final String PROVENANCE = "x-kith-provenance";

  private static final String TYPES = "type.googleapis.com/";
  private static final String L4 = "envoy.filters.network.ext_authz";
  private static final String L7 = "envoy.filters.http.ext_authz";

  /** Frames of HTTP/2 that may wait to be sent on one connection. */
  private static final int FRAMES = 1_000_000;

  private static final String CONNECTION_ID = "%CONNECTION_ID%";
  private static final String CLIENT = "%DOWNSTREAM_REMOTE_ADDRESS%";
  private static final String DESTINATION = "%DOWNSTREAM_LOCAL_ADDRESS%";

  private final StandaloneRecipe recipe;

  StandaloneBootstrap(StandaloneRecipe recipe) {
    this.recipe = recipe;
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
    var manager =
        typed(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix",
            "inbound",
            "access_log",
            List.of(accessLog("inbound", L7)));
    var config = config(manager);
    addTracing(config);
    config.put(
        "route_config",
        routes(
            map(
                "match",
                map("prefix", "/"),
                "route",
                map("cluster", INBOUND),
                "request_headers_to_remove",
                List.of(PROVENANCE))));
    config.put("http_filters", List.of(l7Check(inboundService(), List.of()), router()));
    return map(
        "name",
        "inbound",
        "traffic_direction",
        "INBOUND",
        "address",
        socketAddress(inbound.listen()),
        "filter_chains",
        List.of(
            map(
                "filters",
                List.of(manager),
                "transport_socket",
                toPeers(requireNonNull(recipe.identity())))));
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
    var check = l4Check(cluster);
    config(check).put("shadow_mode", true);
    var manager = httpManager("http", cluster);
    if (!recipe.shortCut()) {
      return List.of(check, manager);
    }
    askWhatIsSpared(check, cluster);
    config(manager).put("common_http_protocol_options", ShortCut.limits());
    return List.of(check, ShortCut.keep(L4), manager);
  }

  @SuppressWarnings("unchecked")
  private static void askWhatIsSpared(Map<String, Object> check, String cluster) {
    var service = (Map<String, Object>) requireNonNull(config(check).get("grpc_service"));
    var metadata = new ArrayList<>((List<Object>) requireNonNull(service.get("initial_metadata")));
    metadata.add(map("key", ShortCut.METADATA, "value", literal(cluster)));
    service.put("initial_metadata", metadata);
  }

  /**
   * Every protocol at connect: the connection is tunnelled through a listener inside Envoy that
   * checks the CONNECT.
   */
  private List<Object> gateChain() {
    return List.of(
        tcpProxy(
            "gate",
            map(
                "cluster",
                GATE,
                "tunneling_config",
                map(
                    "hostname",
                    DESTINATION,
                    "headers_to_add",
                    List.of(
                        header("x-kith-src", CLIENT),
                        header("x-kith-dst", DESTINATION),
                        header("x-kith-conn", CONNECTION_ID),
                        header("x-envoy-original-dst-host", DESTINATION))))));
  }

  private Map<String, Object> gateListener() {
    var manager =
        map(
            "@type",
            TYPES
                + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix",
            "gate",
            "stream_idle_timeout",
            "0s",
            "http2_protocol_options",
            http2("allow_connect", true),
            "access_log",
            List.of(accessLog("gate", L7)));
    addTracing(manager);
    manager.put(
        "route_config",
        routes(
            map(
                "match",
                map("connect_matcher", map()),
                "route",
                map(
                    "cluster",
                    GATE_PASSTHROUGH,
                    "upgrade_configs",
                    List.of(map("upgrade_type", "CONNECT", "connect_config", map()))))));
    manager.put(
        "http_filters",
        List.of(
            l7Check(checkService("%UPSTREAM_CLUSTER%", "%REQ(X-KITH-CONN)%"), List.of()),
            router()));
    return map(
        "name",
        GATE,
        "internal_listener",
        map(),
        "traffic_direction",
        "OUTBOUND",
        "filter_chains",
        List.of(
            map(
                "filters",
                List.of(
                    map(
                        "name",
                        "envoy.filters.network.http_connection_manager",
                        "typed_config",
                        manager)))));
  }

  // ---- filters

  /**
   * The check of a connection.
   *
   * @param cluster the only one that the connection can be routed to
   */
  private Map<String, Object> l4Check(String cluster) {
    // Before it connects, Envoy has no upstream cluster yet; who dials has dialled one by its port.
    var routed = recipe.capture() instanceof Dialled ? literal(cluster) : "%UPSTREAM_CLUSTER%";
    return typed(
        L4,
        "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
        "stat_prefix",
        "kith",
        "transport_api_version",
        "V3",
        "include_tls_session",
        true,
        "failure_mode_allow",
        recipe.failureModeAllow(),
        "grpc_service",
        checkService(routed, CONNECTION_ID));
  }

  /**
   * The HTTP check.
   *
   * @param service how the server is asked
   * @param namespaces metadata of earlier filters that the server gets to see
   */
  private Map<String, Object> l7Check(Map<String, Object> service, List<String> namespaces) {
    var check =
        typed(
            L7,
            "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "stat_prefix",
            "kith",
            "transport_api_version",
            "V3",
            "failure_mode_allow",
            recipe.failureModeAllow(),
            // A refusal is 403; 503 says that Kith could not be asked.
            "status_on_error",
            map("code", "ServiceUnavailable"),
            "metadata_context_namespaces",
            namespaces,
            "disallowed_headers",
            map("patterns", List.of(map("exact", "authorization"), map("exact", "cookie"))),
            "grpc_service",
            service);
    return check;
  }

  private Map<String, Object> checkService(String cluster, String connection) {
    return service(
        List.of(
            map("key", "x-kith-direction", "value", "outbound"),
            map("key", "x-kith-node", "value", literal(recipe.node())),
            map("key", "x-kith-cluster", "value", cluster),
            map("key", "x-kith-conn", "value", connection)));
  }

  private Map<String, Object> inboundService() {
    return service(List.of(map("key", "x-kith-direction", "value", "inbound")));
  }

  /**
   * How the server is asked. {@code max_interval} is also Envoy's limit for one try, whatever its
   * name says, so it must not be shorter than the time the server allows itself. A server that is
   * gone fails at once and is tried again within the timeout.
   */
  private Map<String, Object> service(List<Map<String, Object>> metadata) {
    var timeout = seconds(recipe.timeout());
    return map(
        "timeout",
        timeout,
        "envoy_grpc",
        map("cluster_name", SERVER_CLUSTER, "authority", "kith"),
        "retry_policy",
        map(
            "num_retries",
            5,
            "retry_on",
            "unavailable,reset,connect-failure",
            "retry_back_off",
            map("base_interval", "0.05s", "max_interval", timeout)),
        "initial_metadata",
        metadata);
  }

  private Map<String, Object> tcpProxy(String prefix, Map<String, Object> settings) {
    var filter =
        typed(
            "envoy.filters.network.tcp_proxy",
            "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix",
            prefix);
    var config = config(filter);
    config.putAll(settings);
    config.put("access_log", List.of(accessLog("tcp", L4)));
    return filter;
  }

  private Map<String, Object> httpManager(String prefix, String cluster) {
    var filter =
        typed(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix",
            prefix,
            "access_log",
            List.of(accessLog("http", L7)));
    var manager = config(filter);
    addTracing(manager);
    manager.put("early_header_mutation_extensions", List.of(withoutProvenance()));
    manager.put(
        "route_config", routes(map("match", map("prefix", "/"), "route", map("cluster", cluster))));
    var check = l7Check(checkService("%UPSTREAM_CLUSTER%", CONNECTION_ID), List.of(L4));
    manager.put(
        "http_filters",
        List.of(recipe.shortCut() ? ShortCut.unlessSpared(check, cluster) : check, router()));
    return filter;
  }

  /** Before all filters, so that nothing that an application made up goes out unchecked either. */
  private static Map<String, Object> withoutProvenance() {
    return typed(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        "mutations",
        List.of(map("remove", PROVENANCE)));
  }

  private void addTracing(Map<String, Object> manager) {
    if (recipe.otlp() == null) {
      return;
    }
    manager.put(
        "tracing",
        map(
            "random_sampling",
            map("value", 100),
            "provider",
            typed(
                "envoy.tracers.opentelemetry",
                "envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name",
                recipe.workload() + "-envoy",
                "grpc_service",
                map("envoy_grpc", map("cluster_name", OTLP_CLUSTER), "timeout", "1s")),
            "custom_tags",
            List.of(
                answerTag("kith.decision_id", "decision_id"),
                answerTag("kith.verdict", "decision"),
                answerTag("kith.reason", "reason"))));
  }

  private static Map<String, Object> answerTag(String tag, String key) {
    return map(
        "tag",
        tag,
        "metadata",
        map(
            "kind",
            map("request", map()),
            "metadata_key",
            map("key", L7, "path", List.of(map("key", key)))));
  }

  private static Map<String, Object> router() {
    return typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router");
  }

  private static Map<String, Object> tlsInspector() {
    return typed(
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector");
  }

  private static Map<String, Object> routes(Map<String, Object> route) {
    return map(
        "virtual_hosts",
        List.of(map("name", "any", "domains", List.of("*"), "routes", List.of(route))));
  }

  /** One line of JSON per connection or request, with everything that Kith answered. */
  private static Map<String, Object> accessLog(String kind, String answer) {
    return typed(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format",
        map(
            "json_format",
            map(
                "time", "%START_TIME%",
                "kind", kind,
                "flags", "%RESPONSE_FLAGS%",
                "details", "%RESPONSE_CODE_DETAILS%",
                "code", "%RESPONSE_CODE%",
                "source", CLIENT,
                "destination", DESTINATION,
                "server_name", "%REQUESTED_SERVER_NAME%",
                "authority", "%REQ(:AUTHORITY)%",
                "cluster", "%UPSTREAM_CLUSTER%",
                "connection", CONNECTION_ID,
                "kith", "%DYNAMIC_METADATA(" + answer + ")%")));
  }

  // ---- clusters

  private List<Object> clusters() {
    var clusters = new ArrayList<Object>();
    clusters.add(serverCluster());
    var identity = recipe.identity();
    if (identity != null) {
      clusters.add(grpcCluster(SDS_CLUSTER, map("pipe", map("path", identity.sdsSocket()))));
    }
    switch (recipe.capture()) {
      case Redirected() -> {
        clusters.add(wide(originalDestination(PASSTHROUGH)));
        clusters.add(map("name", BLACKHOLE, "type", "STATIC", "connect_timeout", "1s"));
      }
      case Dialled(var forwards) ->
          forwards.forEach(forward -> clusters.add(dialledCluster(forward)));
    }
    var inbound = recipe.inbound();
    if (inbound != null) {
      clusters.add(wide(staticCluster(INBOUND, socketAddress(inbound.application()))));
    }
    if (gated()) {
      clusters.add(
          wide(
              grpcCluster(
                  GATE,
                  map(
                      "envoy_internal_address",
                      map("server_listener_name", GATE, "endpoint_id", "egress")))));
      var passthrough = wide(originalDestination(GATE_PASSTHROUGH));
      passthrough.put("original_dst_lb_config", map("use_http_header", true));
      clusters.add(passthrough);
    }
    var otlp = recipe.otlp();
    if (otlp != null) {
      clusters.add(grpcCluster(OTLP_CLUSTER, socketAddress(otlp)));
    }
    return clusters;
  }

  private Map<String, Object> dialledCluster(Forward forward) {
    var cluster = wide(staticCluster(forward.name(), socketAddress(forward.destination())));
    if (forward.peer() != null) {
      cluster.put(
          "transport_socket", to(forward.peer(), List.of(), requireNonNull(recipe.identity())));
    }
    return cluster;
  }

  private Map<String, Object> serverCluster() {
    var cluster = wide(grpcCluster(SERVER_CLUSTER, socketAddress(recipe.server())));
    var identity = recipe.identity();
    if (identity != null) {
      cluster.put("transport_socket", to(recipe.serverId(), List.of("h2"), identity));
    }
    return cluster;
  }

  /**
   * Mutual TLS to a peer. The pinned name matters: without it every workload of the trust domain
   * could pose as the peer.
   */
  private static Map<String, Object> to(String peer, List<String> protocols, Identity identity) {
    var common = withoutEmptyLists(map("tls_params", newest(), "alpn_protocols", protocols));
    common.put("tls_certificate_sds_secret_configs", List.of(secret(identity.certificate())));
    common.put(
        "combined_validation_context",
        map(
            "default_validation_context",
            map(
                "match_typed_subject_alt_names",
                List.of(map("san_type", "URI", "matcher", map("exact", peer)))),
            "validation_context_sds_secret_config",
            secret(identity.bundle())));
    return typed(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context",
        common);
  }

  /** Mutual TLS with whoever of the mesh connects. */
  private static Map<String, Object> toPeers(Identity identity) {
    return typed(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate",
        true,
        "common_tls_context",
        map(
            "tls_params",
            newest(),
            "tls_certificate_sds_secret_configs",
            List.of(secret(identity.certificate())),
            "validation_context_sds_secret_config",
            secret(identity.bundle())));
  }

  /** The server takes nothing older, and Envoy as a client offers 1.2 by itself. */
  private static Map<String, Object> newest() {
    return map(
        "tls_minimum_protocol_version", "TLSv1_3", "tls_maximum_protocol_version", "TLSv1_3");
  }

  /**
   * With wide circuit breakers, where Envoy's own are full with 1,024 connections. That of the
   * server refuses when it is full, or lets pass without a check, by the failure mode; the others
   * would refuse what Kith allowed.
   */
  private static Map<String, Object> wide(Map<String, Object> cluster) {
    cluster.put(
        "circuit_breakers",
        map(
            "thresholds",
            List.of(
                map(
                    "max_connections", 100_000,
                    "max_requests", 100_000,
                    "max_pending_requests", 100_000,
                    "max_retries", 10_000))));
    return cluster;
  }

  private static Map<String, Object> secret(String name) {
    return map(
        "name",
        name,
        "sds_config",
        map(
            "resource_api_version",
            "V3",
            "api_config_source",
            map(
                "api_type",
                "GRPC",
                "transport_api_version",
                "V3",
                "grpc_services",
                List.of(map("envoy_grpc", map("cluster_name", SDS_CLUSTER))))));
  }

  private static Map<String, Object> grpcCluster(String name, Map<String, Object> address) {
    var cluster = staticCluster(name, address);
    cluster.put(
        "typed_extension_protocol_options",
        map(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            map(
                "@type",
                TYPES + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config",
                map("http2_protocol_options", http2()))));
    return cluster;
  }

  /**
   * HTTP/2 between parts that trust each other. Envoy ends a connection with too many frames that
   * wait to be sent, such as resets of a thousand Checks whose time is up at once, and with it all
   * else that goes over it: that is meant for strangers.
   */
  private static Map<String, Object> http2(Object... settings) {
    var options = map(settings);
    options.putAll(map("max_outbound_frames", FRAMES, "max_outbound_control_frames", FRAMES));
    return options;
  }

  private static Map<String, Object> staticCluster(String name, Map<String, Object> address) {
    return map(
        "name",
        name,
        "type",
        "STATIC",
        "connect_timeout",
        "0.5s",
        "load_assignment",
        map(
            "cluster_name",
            name,
            "endpoints",
            List.of(map("lb_endpoints", List.of(map("endpoint", map("address", address)))))));
  }

  private static Map<String, Object> originalDestination(String name) {
    return map(
        "name",
        name,
        "type",
        "ORIGINAL_DST",
        "lb_policy",
        "CLUSTER_PROVIDED",
        "connect_timeout",
        "5s");
  }

  // ---- small parts

  private static Map<String, Object> header(String key, String value) {
    return map(
        "header", map("key", key, "value", value), "append_action", "OVERWRITE_IF_EXISTS_OR_ADD");
  }

  private static Map<String, Object> socketAddress(Address address) {
    return socketAddress(address.host(), address.port());
  }

  private static Map<String, Object> socketAddress(String host, int port) {
    return map("socket_address", map("address", host, "port_value", port));
  }

  private static Map<String, Object> typed(String name, String type, Object... settings) {
    var config = map("@type", TYPES + type);
    config.putAll(map(settings));
    return map("name", name, "typed_config", config);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> config(Map<String, Object> filter) {
    return (Map<String, Object>) requireNonNull(filter.get("typed_config"));
  }

  /** Text that Envoy would otherwise read as a format. */
  private static String literal(String text) {
    return text.replace("%", "%%");
  }

  private static String seconds(Duration duration) {
    return BigDecimal.valueOf(duration.toMillis(), 3).stripTrailingZeros().toPlainString() + "s";
  }
}
