package io.kith.bridge;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.stream.NodeView.IdentitySource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which SPIFFE IDs the pods of this node have.
 *
 * <p>The development provider reads them from {@code workloads:} and attests nothing, which every
 * answer says. Other providers know none yet.
 */
final class PodIdentities {
  private final Map<IpAddress, Set<SpiffeId>> byAddress = new HashMap<>();
  private final IdentitySource source;

  PodIdentities(KithConfig config) {
    source =
        config.identity() instanceof Identity.Dev
            ? IdentitySource.DEV_UNATTESTED
            : IdentitySource.NONE;
    if (source == IdentitySource.DEV_UNATTESTED) {
      for (var workload : config.workloads()) {
        if (workload.id() != null) {
          for (var address : workload.addresses()) {
            byAddress.computeIfAbsent(address, _ -> new HashSet<>()).add(workload.id());
          }
        }
      }
    }
  }

  Set<SpiffeId> of(Set<IpAddress> addresses) {
    var ids = new HashSet<SpiffeId>();
    addresses.forEach(address -> ids.addAll(byAddress.getOrDefault(address, Set.of())));
    return ids;
  }

  IdentitySource source() {
    return source;
  }
}
