package io.kith.baselines.store;

import io.kith.baselines.identity.Owner;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Of which workloads other replicas may have written parts.
 *
 * @param owners null when the store cannot tell: of any
 * @param mark what to ask with the next time, for what is written from now on; null when the store
 *     cannot tell that from what was there before
 */
public record LearnedChanges(@Nullable Set<Owner> owners, @Nullable String mark) {
  /** Of a store that cannot tell. */
  public static final LearnedChanges ANY = new LearnedChanges(null, null);

  public LearnedChanges {
    owners = owners == null ? null : Set.copyOf(owners);
  }

  /** Whether it may be so of a workload. */
  public boolean mayBeOf(Owner owner) {
    return owners == null || owners.contains(owner);
  }
}
