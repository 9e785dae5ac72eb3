package io.kith.istio;

import static io.kith.istio.Typed.httpManager;
import static io.kith.istio.Typed.router;
import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;

/**
 * A listener inside Envoy that checks connections at connect, whatever their protocol: they are
 * tunnelled through it, and it asks about the CONNECT.
 */
final class Gate {
  /* Names that appear in Envoy's counters and logs; the server knows them. */
  static final String NAME = "kith_gate";
  static final String PASSTHROUGH = "kith_gate_passthrough";

  static final String CLIENT = "%DOWNSTREAM_REMOTE_ADDRESS%";
  static final String DESTINATION = "%DOWNSTREAM_LOCAL_ADDRESS%";

  private static final String CONNECTION = "x-kith-conn";

  private Gate() {}

  /** What a TCP proxy in front of it is told. */
  static Map<String, Object> tunnel(String gate) {
    return map(
        "cluster",
        gate,
        "tunneling_config",
        map(
            "hostname",
            DESTINATION,
            "headers_to_add",
            List.of(
                header("x-kith-src", CLIENT),
                header("x-kith-dst", DESTINATION),
                header(CONNECTION, Checks.CONNECTION_ID),
                header("x-envoy-original-dst-host", DESTINATION))));
  }

  private static Map<String, Object> header(String key, String value) {
    return map(
        "header", map("key", key, "value", value), "append_action", "OVERWRITE_IF_EXISTS_OR_ADD");
  }

  /** How the server is asked in it. */
  static Map<String, Object> service(Checks checks) {
    return checks.outbound(Checks.UPSTREAM_CLUSTER, "%REQ(X-KITH-CONN)%");
  }

  /**
   * The listener.
   *
   * @param check the filter that asks
   * @param watching settings of its HTTP manager that say what it logs and traces
   */
  static Map<String, Object> listener(
      String name, Map<String, Object> check, Map<String, Object> watching) {
    var manager =
        httpManager(
            "stat_prefix",
            "gate",
            "stream_idle_timeout",
            "0s",
            "http2_protocol_options",
            Clusters.http2("allow_connect", true));
    var config = Typed.config(manager);
    config.putAll(watching);
    config.put(
        "route_config",
        Routes.any(
            map(
                "match",
                map("connect_matcher", map()),
                "route",
                map(
                    "cluster",
                    PASSTHROUGH,
                    "upgrade_configs",
                    List.of(map("upgrade_type", "CONNECT", "connect_config", map()))))));
    config.put("http_filters", List.of(check, router()));
    return map(
        "name",
        name,
        "internal_listener",
        map(),
        "traffic_direction",
        "OUTBOUND",
        "filter_chains",
        List.of(map("filters", List.of(manager))));
  }

  /**
   * Leads into it, with a tunnel of its own for each connection. Envoy ends an HTTP/2 connection
   * with many resets, and connections that are refused or given up are resets: in a shared one, a
   * program that nobody knows would end those of all others.
   */
  static Map<String, Object> cluster(String name) {
    return Clusters.wide(
        Clusters.grpc(
            name,
            map(
                "envoy_internal_address",
                map("server_listener_name", name, "endpoint_id", "egress")),
            "max_concurrent_streams",
            1));
  }

  /** Leads out of it: to where the application connected, as the tunnel says. */
  static Map<String, Object> passthrough() {
    var cluster = Clusters.wide(Clusters.originalDestination(PASSTHROUGH));
    cluster.put("original_dst_lb_config", map("use_http_header", true));
    return cluster;
  }
}
