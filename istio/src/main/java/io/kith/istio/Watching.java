package io.kith.istio;

import static io.kith.istio.Checks.CONNECTION_ID;
import static io.kith.istio.Checks.L7;
import static io.kith.istio.Typed.typed;
import static io.kith.istio.Yaml.map;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a standalone Envoy writes and traces. A sidecar does what Istio's Telemetry says.
 *
 * @param service name in traces
 * @param cluster where spans go; absent: Envoy makes none
 */
record Watching(String service, @Nullable String cluster) {

  /** Settings of an HTTP manager. */
  Map<String, Object> ofManager(String kind) {
    var settings = map("access_log", List.of(accessLog(kind, L7)));
    if (cluster != null) {
      settings.put("tracing", tracing(cluster));
    }
    return settings;
  }

  private Map<String, Object> tracing(String to) {
    return map(
        "random_sampling",
        map("value", 100),
        "provider",
        typed(
            "envoy.tracers.opentelemetry",
            "envoy.config.trace.v3.OpenTelemetryConfig",
            "service_name",
            service,
            "grpc_service",
            map("envoy_grpc", map("cluster_name", to), "timeout", "1s")),
        "custom_tags",
        List.of(
            answerTag("kith.decision_id", "decision_id"),
            answerTag("kith.verdict", "decision"),
            answerTag("kith.reason", "reason")));
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

  /** One line of JSON per connection or request, with everything that Kith answered. */
  static Map<String, Object> accessLog(String kind, String answer) {
    return typed(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format",
        map(
            "json_format",
            map(
                "time",
                "%START_TIME%",
                "kind",
                kind,
                "flags",
                "%RESPONSE_FLAGS%",
                "details",
                "%RESPONSE_CODE_DETAILS%",
                "code",
                "%RESPONSE_CODE%",
                "source",
                Gate.CLIENT,
                "destination",
                Gate.DESTINATION,
                "server_name",
                "%REQUESTED_SERVER_NAME%",
                "authority",
                "%REQ(:AUTHORITY)%",
                "cluster",
                Checks.UPSTREAM_CLUSTER,
                "connection",
                CONNECTION_ID,
                "kith",
                "%DYNAMIC_METADATA(" + answer + ")%")));
  }
}
