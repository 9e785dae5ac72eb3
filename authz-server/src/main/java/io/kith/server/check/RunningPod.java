package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A pod that runs.
 *
 * @param address names it: the first of its addresses, IPv4 before IPv6, whichever it was asked by
 * @param attested SPIFFE IDs of its processes; empty when the bridge's provider knows none
 * @param started never ahead of the server's clock, or null when not known
 * @param imageDigest {@code sha256:} and 64 hex digits, or null when not known
 */
public record RunningPod(
    IpAddress address,
    Set<SpiffeId> attested,
    @Nullable Instant started,
    @Nullable String imageDigest) {
  public RunningPod {
    requireNonNull(address, "address");
    attested = Set.copyOf(attested);
  }
}
