package io.kith.baselines.process;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.SpiffeId;
import java.util.Set;

/**
 * A process that may have opened a socket.
 *
 * @param fingerprintId content address of the fingerprint
 * @param processClass {@link ProcessClass#of} the fingerprint, computed once
 * @param attested SPIFFE IDs that the identity provider says the process has; empty when it knows
 *     none, which is not a mismatch
 */
public record Candidate(
    String fingerprintId,
    ProcessFingerprint fingerprint,
    ProcessClass processClass,
    Quality quality,
    Set<SpiffeId> attested) {
  public Candidate {
    requireNonNull(fingerprintId, "fingerprintId");
    requireNonNull(fingerprint, "fingerprint");
    requireNonNull(processClass, "processClass");
    requireNonNull(quality, "quality");
    attested = Set.copyOf(attested);
  }
}
