package io.kith.istio.doctor;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Map;

/**
 * What an istiod says of itself and of the sidecars that are connected to it.
 *
 * @param pod its name
 * @param version as its page {@code /version} has it; may be empty
 * @param sidecars its page {@code /debug/syncz}, parsed: for each kind of configuration the number
 *     of what it sent and of what the sidecar acknowledged
 */
public record IstiodDump(String pod, String version, List<? extends Map<String, ?>> sidecars) {
  public IstiodDump {
    requireNonNull(pod, "pod");
    requireNonNull(version, "version");
    sidecars = List.copyOf(sidecars);
  }

  /** Whether all sidecars acknowledged what was sent to them. */
  public boolean isSynced() {
    return sidecars.stream().allMatch(one -> IstiodRules.unacknowledged(new Tree(one)).isEmpty());
  }
}
