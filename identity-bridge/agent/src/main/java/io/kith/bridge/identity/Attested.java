package io.kith.bridge.identity;

import io.kith.baselines.identity.SpiffeId;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a provider says of a process.
 *
 * @param ids all that it has, in no order; empty: none is known
 * @param remark why none is known, or null when there is nothing to say about that
 */
public record Attested(Set<SpiffeId> ids, @Nullable String remark) {
  /** Nobody was asked. */
  static final Attested NOTHING = new Attested(Set.of(), null);

  public Attested {
    ids = Set.copyOf(ids);
  }

  static Attested unknown(String why) {
    return new Attested(Set.of(), why);
  }
}
