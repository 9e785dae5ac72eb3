package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.StaticWorkloadDirectory.Entry;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is configured by hand, and for the rest what a cluster says. Thread-safe.
 *
 * <p>An entry by hand wins for its addresses and names, and says the environment of its owner and
 * whether that runs on hosts. A SPIFFE ID that both know is told apart by the address; from an
 * address that neither knows it speaks for its only owner over both.
 */
final class CombinedDirectory implements WorkloadDirectory {
  private final List<Entry> entries;
  private final StaticWorkloadDirectory byHand;
  private final Map<Owner, Workload> owners = new HashMap<>();
  private final Map<SpiffeId, Set<Owner>> speakers = new HashMap<>();
  private final ClusterIndex cluster;

  CombinedDirectory(List<Entry> entries, ClusterIndex cluster) {
    this.entries = List.copyOf(entries);
    this.byHand = new StaticWorkloadDirectory(entries);
    this.cluster = cluster;
    byHand.all().forEach(workload -> owners.put(workload.owner(), workload));
    for (var entry : entries) {
      if (entry.id() != null) {
        speakers.computeIfAbsent(entry.id(), _ -> new HashSet<>()).add(entry.owner());
      }
    }
  }

  @Override
  public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
    if (byHand.at(address) != null) {
      return whole(byHand.speaking(id, address));
    }
    var ours = speakers.get(id);
    if (ours == null || cluster.tells(id, address)) {
      return whole(cluster.speaking(id, address));
    }
    var all = new HashSet<>(ours);
    all.addAll(cluster.speakers(id));
    return all.size() == 1 ? whole(owners.get(all.iterator().next())) : null;
  }

  @Override
  public @Nullable Workload at(IpAddress address) {
    var ours = byHand.at(address);
    return whole(ours == null ? cluster.at(address) : ours);
  }

  @Override
  public @Nullable String nodeOf(IpAddress pod) {
    return byHand.at(pod) == null ? cluster.nodeOf(pod) : null;
  }

  @Override
  public @Nullable String nodeAt(IpAddress address) {
    return cluster.nodeAt(address);
  }

  @Override
  public @Nullable Workload named(String name) {
    var ours = byHand.named(name);
    return whole(ours == null ? cluster.named(name) : ours);
  }

  /** How a mesh routes only the cluster says. */
  @Override
  public boolean leadsTo(String service, IpAddress dialled) {
    return cluster.leadsTo(service, dialled);
  }

  @Override
  public boolean looksUp(String wildcard) {
    return cluster.looksUp(wildcard);
  }

  @Override
  public Collection<Workload> all() {
    var all = new LinkedHashMap<Owner, Workload>();
    byHand.all().forEach(workload -> all.put(workload.owner(), merged(workload)));
    cluster.all().forEach(workload -> all.putIfAbsent(workload.owner(), workload));
    return all.values();
  }

  @Override
  public void tell(Consumer<Workload> appeared) {
    cluster.tell(workload -> appeared.accept(merged(workload)));
  }

  private @Nullable Workload whole(@Nullable Workload workload) {
    return workload == null || owners.isEmpty() ? workload : merged(workload);
  }

  /** One workload of what both say of an owner. */
  private Workload merged(Workload workload) {
    var ours = owners.get(workload.owner());
    if (ours == null) {
      return workload;
    }
    var theirs = cluster.owned(workload.owner());
    if (theirs == null || ours.spiffeIds().containsAll(theirs.spiffeIds())) {
      return ours;
    }
    var ids = new HashSet<>(ours.spiffeIds());
    ids.addAll(theirs.spiffeIds());
    return new Workload(ours.owner(), ours.environment(), ids, ours.onHost());
  }

  /** What entries by hand say otherwise than the cluster does now, in words. */
  List<String> contradictions() {
    var found = new ArrayList<String>();
    for (var entry : entries) {
      var owner = entry.owner();
      entry.addresses().forEach(one -> compare(one.toString(), owner, cluster.at(one), found));
      entry.names().forEach(one -> compare(one, owner, cluster.named(one), found));
      var id = entry.id();
      var others = id == null ? Set.<Owner>of() : cluster.speakers(id);
      if (!others.isEmpty() && !others.contains(owner)) {
        found.add(
            "workloads: %s is of %s, and the pods that have it of %s"
                .formatted(id, owner, others.stream().sorted().limit(3).toList()));
      }
    }
    return found;
  }

  private static void compare(
      String what, Owner owner, @Nullable Workload other, List<String> found) {
    if (other != null && !other.owner().equals(owner)) {
      found.add(
          "workloads: %s is of %s, and in the cluster of %s".formatted(what, owner, other.owner()));
    }
  }
}
