package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.util.List;
import java.util.Set;

/**
 * A pod that a bridge answers for.
 *
 * @param id its network namespace, as {@code net:[4026532281]}
 * @param attested SPIFFE IDs of its processes; empty when the provider knows none
 */
record RegisteredPod(String id, List<IpAddress> addresses, Set<SpiffeId> attested) {
  RegisteredPod {
    addresses = List.copyOf(addresses);
    attested = Set.copyOf(attested);
  }
}
