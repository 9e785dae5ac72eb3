package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A pod that runs and whose start is known.
 *
 * @param attested SPIFFE IDs of its processes; empty when the bridge's provider knows none
 * @param started never ahead of the server's clock
 * @param imageDigest {@code sha256:} and 64 hex digits, or null when not known
 */
public record RunningPod(
    IpAddress address, Set<SpiffeId> attested, Instant started, @Nullable String imageDigest) {
  public RunningPod {
    requireNonNull(address, "address");
    attested = Set.copyOf(attested);
    requireNonNull(started, "started");
  }
}
