package io.kith.istio;

import static io.kith.istio.Typed.config;
import static io.kith.istio.Typed.literal;
import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The filters that ask the server.
 *
 * @param node name of the node, or the format that yields it
 * @param timeout how long Envoy waits for one answer, retries included
 * @param failureModeAllow whether connections pass when the server cannot be asked
 */
record Checks(String node, Duration timeout, boolean failureModeAllow) {
  /** Under these names Envoy keeps the answers, whatever a filter itself is called. */
  static final String L4 = "envoy.filters.network.ext_authz";

  static final String L7 = "envoy.filters.http.ext_authz";

  static final String CONNECTION_ID = "%CONNECTION_ID%";
  static final String UPSTREAM_CLUSTER = "%UPSTREAM_CLUSTER%";

  Checks failing(boolean open) {
    return new Checks(node, timeout, open);
  }

  /** The check of a connection: it is asked about at its first byte. */
  Map<String, Object> ofConnection(String name, Map<String, Object> service) {
    return typed(
        name,
        "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
        "stat_prefix",
        "kith",
        "transport_api_version",
        "V3",
        "include_tls_session",
        true,
        "failure_mode_allow",
        failureModeAllow,
        "grpc_service",
        service);
  }

  /**
   * The check of a connection that refuses nothing: where each request has a check of its own,
   * which gives the client an answer instead of an end of its connection.
   */
  Map<String, Object> ofHttpConnection(String name, Map<String, Object> service) {
    var check = ofConnection(name, service);
    config(check).put("shadow_mode", true);
    return check;
  }

  /**
   * The check of a request. What was answered about its connection is not sent along: the server
   * knows, and to send it took Envoy an eighth of its time for a request.
   *
   * @param service how the server is asked
   */
  Map<String, Object> ofRequest(String name, Map<String, Object> service) {
    return typed(
        name,
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "stat_prefix",
        "kith",
        "transport_api_version",
        "V3",
        "failure_mode_allow",
        failureModeAllow,
        // A refusal is 403; 503 says that Kith could not be asked.
        "status_on_error",
        map("code", "ServiceUnavailable"),
        "disallowed_headers",
        map("patterns", List.of(map("exact", "authorization"), map("exact", "cookie"))),
        "grpc_service",
        service);
  }

  /** How the server is asked about what leaves the workload. */
  Map<String, Object> outbound(String cluster, String connection) {
    return service(
        List.of(
            map("key", "x-kith-direction", "value", "outbound"),
            map("key", "x-kith-node", "value", node),
            map("key", "x-kith-cluster", "value", cluster),
            map("key", "x-kith-conn", "value", connection)));
  }

  /** How the server is asked about what comes in to the workload. */
  Map<String, Object> inbound() {
    return service(List.of(map("key", "x-kith-direction", "value", "inbound")));
  }

  /**
   * How the server is asked. {@code max_interval} is also Envoy's limit for one try, whatever its
   * name says, so it must not be shorter than the time the server allows itself. A server that is
   * gone fails at once, and another is tried within the timeout, the same one where there is none:
   * without the predicate half of the tries of two servers went to the one that is gone.
   */
  private Map<String, Object> service(List<Map<String, Object>> metadata) {
    var limit = seconds(timeout);
    return map(
        "timeout",
        limit,
        "envoy_grpc",
        map("cluster_name", Clusters.SERVER, "authority", "kith"),
        "retry_policy",
        map(
            "num_retries",
            5,
            "retry_on",
            "unavailable,reset,connect-failure",
            "retry_host_predicate",
            List.of(
                typed(
                    "envoy.retry_host_predicates.previous_hosts",
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")),
            "host_selection_retry_max_attempts",
            5,
            "retry_back_off",
            map("base_interval", "0.05s", "max_interval", limit)),
        "initial_metadata",
        metadata);
  }

  /** Asks the check of a connection also what its requests may be spared. */
  @SuppressWarnings("unchecked")
  static void askWhatIsSpared(Map<String, Object> check, String cluster) {
    var service = (Map<String, Object>) requireNonNull(config(check).get("grpc_service"));
    var _ = also(service, ShortCut.METADATA, literal(cluster));
  }

  /** Has the server told one thing more; returns the service. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> also(Map<String, Object> service, String key, String value) {
    var metadata = new ArrayList<>((List<Object>) requireNonNull(service.get("initial_metadata")));
    metadata.add(map("key", key, "value", value));
    service.put("initial_metadata", metadata);
    return service;
  }

  private static String seconds(Duration duration) {
    return BigDecimal.valueOf(duration.toMillis(), 3).stripTrailingZeros().toPlainString() + "s";
  }
}
