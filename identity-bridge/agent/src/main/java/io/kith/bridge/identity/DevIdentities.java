package io.kith.bridge.identity;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.NodeView.IdentitySource;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The development stand-in: every process of a pod has the SPIFFE ID that {@code workloads:} gives
 * the pod's address. It attests nothing, which every answer says.
 */
public final class DevIdentities implements ProcessIdentities {
  private final Map<IpAddress, Set<SpiffeId>> byAddress = new HashMap<>();

  public DevIdentities(Collection<StaticWorkloadDirectory.Entry> workloads) {
    for (var workload : workloads) {
      if (workload.id() != null) {
        for (var address : workload.addresses()) {
          byAddress.computeIfAbsent(address, _ -> new HashSet<>()).add(workload.id());
        }
      }
    }
  }

  @Override
  public Attested of(Sighting process, IpAddress address, long until) {
    return atHand(process, address);
  }

  @Override
  public Attested atHand(Sighting process, IpAddress address) {
    return new Attested(ofPod(Set.of(address)), null);
  }

  @Override
  public Set<SpiffeId> ofPod(Set<IpAddress> addresses) {
    var ids = new HashSet<SpiffeId>();
    addresses.forEach(address -> ids.addAll(byAddress.getOrDefault(address, Set.of())));
    return ids;
  }

  @Override
  public IdentitySource source() {
    return IdentitySource.DEV_UNATTESTED;
  }

  @Override
  public String words() {
    return "development only, attested by nobody (bridge.attest: dev)";
  }
}
