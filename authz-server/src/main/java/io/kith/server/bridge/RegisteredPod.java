package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

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

  private static final Comparator<IpAddress> IN_ORDER =
      Comparator.comparingInt((IpAddress address) -> address.bytes().length)
          .thenComparing(IpAddress::bytes, Arrays::compareUnsigned);

  /** The first of those of its addresses that are its own, or null when none is. */
  @Nullable IpAddress first(Predicate<IpAddress> own) {
    return addresses.stream().filter(own).min(IN_ORDER).orElse(null);
  }
}
