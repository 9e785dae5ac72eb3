package io.kith.istio.doctor;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a sidecar says it runs with.
 *
 * @param config Envoy's {@code /config_dump?include_eds}, parsed
 * @param counters Envoy's {@code /stats}; empty where they were not collected
 * @param clock what time it was there when it was asked, or null when it did not say
 * @param asked what time it was here then
 */
public record SidecarDump(
    String namespace,
    String pod,
    Map<String, ?> config,
    Map<String, Long> counters,
    @Nullable Instant clock,
    @Nullable Instant asked) {
  public SidecarDump {
    requireNonNull(namespace, "namespace");
    requireNonNull(pod, "pod");
    requireNonNull(config, "config");
    counters = Map.copyOf(counters);
  }
}
