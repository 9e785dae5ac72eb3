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
 * @param facts of its life
 */
record RegisteredPod(String id, List<IpAddress> addresses, Set<SpiffeId> attested, PodFacts facts) {
  RegisteredPod {
    addresses = List.copyOf(addresses);
    attested = Set.copyOf(attested);
  }
}
