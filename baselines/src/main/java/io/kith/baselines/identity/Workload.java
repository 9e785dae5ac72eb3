package io.kith.baselines.identity;

import static java.util.Objects.requireNonNull;

import java.util.Set;

/**
 * An owner and the SPIFFE IDs registered for it, in one environment.
 *
 * <p>A SPIFFE ID alone is not a workload: many share the service account {@code default}.
 *
 * @param owner what runs its pods
 * @param environment {@code prod}, {@code qa}, …
 * @param spiffeIds may be empty: a workload that only receives
 * @param onHost it is meant to run outside every container, so its code is the host's and not an
 *     image's
 */
public record Workload(Owner owner, String environment, Set<SpiffeId> spiffeIds, boolean onHost) {
  public Workload {
    requireNonNull(owner, "owner");
    requireNonNull(environment, "environment");
    spiffeIds = Set.copyOf(spiffeIds);
  }

  /** A workload in containers. */
  public Workload(Owner owner, String environment, Set<SpiffeId> spiffeIds) {
    this(owner, environment, spiffeIds, false);
  }
}
