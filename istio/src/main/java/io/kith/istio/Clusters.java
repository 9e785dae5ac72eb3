package io.kith.istio;

import static io.kith.istio.Typed.TYPES;
import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;

/** Envoy's clusters. */
final class Clusters {
  /** Whom the checks ask; the name appears in Envoy's counters. */
  static final String SERVER = "kith_server";

  /** Frames of HTTP/2 that may wait to be sent on one connection. */
  private static final int FRAMES = 1_000_000;

  private Clusters() {}

  /**
   * With wide circuit breakers, where Envoy's own are full with 1,024 connections. That of the
   * server refuses when it is full, or lets pass without a check, by the failure mode; the others
   * would refuse what Kith allowed.
   */
  static Map<String, Object> wide(Map<String, Object> cluster) {
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

  /** One that speaks HTTP/2. */
  static Map<String, Object> grpc(String name, Map<String, Object> address, Object... settings) {
    var cluster = of(name, address);
    cluster.put(
        "typed_extension_protocol_options",
        map(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            map(
                "@type",
                TYPES + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config",
                map("http2_protocol_options", http2(settings)))));
    return cluster;
  }

  /**
   * HTTP/2 between parts that trust each other. Envoy ends a connection with too many frames that
   * wait to be sent, such as resets of a thousand Checks whose time is up at once, and with it all
   * else that goes over it: that is meant for strangers.
   */
  static Map<String, Object> http2(Object... settings) {
    var options = map(settings);
    options.putAll(map("max_outbound_frames", FRAMES, "max_outbound_control_frames", FRAMES));
    return options;
  }

  /** That of the server, without TLS. */
  static Map<String, Object> server(ServerAddress server) {
    var cluster = grpc(SERVER, address(server));
    if (server instanceof ServerAddress.Named) {
      resolved(cluster);
    }
    return cluster;
  }

  private static void resolved(Map<String, Object> cluster) {
    cluster.put("type", "STRICT_DNS");
    cluster.put("dns_lookup_family", "V4_PREFERRED");
  }

  /**
   * That of the server, without TLS, with another behind it. Only the first is asked again and
   * again whether it is there: all sidecars of a mesh would be too many for the other. Between two
   * such questions it counts as away for a moment after two connections in a row failed.
   */
  static Map<String, Object> server(ServerAddress server, ServerAddress fallback) {
    var cluster = server(server);
    if (fallback instanceof ServerAddress.Named) {
      resolved(cluster);
    }
    cluster.put(
        "load_assignment",
        map(
            "cluster_name",
            SERVER,
            "endpoints",
            List.of(
                map(
                    "priority",
                    0,
                    "lb_endpoints",
                    List.of(map("endpoint", map("address", address(server))))),
                map(
                    "priority",
                    1,
                    "lb_endpoints",
                    List.of(
                        map(
                            "endpoint",
                            map(
                                "address",
                                address(fallback),
                                "health_check_config",
                                map("disable_active_health_check", true))))))));
    cluster.put(
        "health_checks",
        List.of(
            map(
                "timeout", "1s",
                "interval", "5s",
                "interval_jitter", "1s",
                "unhealthy_interval", "1s",
                // Else a sidecar that starts before its node's server looks again after a minute.
                "no_traffic_interval", "1s",
                "no_traffic_healthy_interval", "60s",
                "unhealthy_threshold", 1,
                "healthy_threshold", 1,
                "tcp_health_check", map())));
    cluster.put(
        "outlier_detection",
        map(
            "split_external_local_origin_errors",
            true,
            "consecutive_local_origin_failure",
            2,
            "enforcing_consecutive_local_origin_failure",
            100,
            "base_ejection_time",
            "1s",
            "max_ejection_time",
            "5s",
            "max_ejection_percent",
            100));
    return cluster;
  }

  private static Map<String, Object> address(ServerAddress server) {
    return switch (server) {
      case ServerAddress.Named(var host, var port) -> socketAddress(host, port);
      case ServerAddress.Numeric(var address, var port) -> socketAddress(address, port);
      case ServerAddress.Socket(var path) -> map("pipe", map("path", path));
    };
  }

  /** One with a single address. */
  static Map<String, Object> of(String name, Map<String, Object> address) {
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

  /** One that connects to wherever the application did. */
  static Map<String, Object> originalDestination(String name) {
    return map(
        "name",
        name,
        "type",
        "ORIGINAL_DST",
        "lb_policy",
        "CLUSTER_PROVIDED",
        "connect_timeout",
        "10s");
  }

  static Map<String, Object> socketAddress(String host, int port) {
    return map("socket_address", map("address", host, "port_value", port));
  }
}
