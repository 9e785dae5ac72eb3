package io.kith.baselines.identity;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A directory that never changes, as {@code workloads:} of {@code kith.yaml} gives it. */
public final class StaticWorkloadDirectory implements WorkloadDirectory {
  private final Map<Owner, Workload> byOwner = new LinkedHashMap<>();
  private final Map<IpAddress, Workload> byAddress = new HashMap<>();
  private final Map<String, Workload> byName = new HashMap<>();
  private final Map<SpiffeId, Set<Owner>> byId = new HashMap<>();

  /**
   * One line of the directory; several may name one owner.
   *
   * @param id null for a workload that only receives
   * @param onHost as of {@link Workload}; the same for every line of an owner
   */
  public record Entry(
      Owner owner,
      @Nullable SpiffeId id,
      String environment,
      List<IpAddress> addresses,
      List<String> names,
      boolean onHost) {
    public Entry {
      addresses = List.copyOf(addresses);
      names = List.copyOf(names);
    }

    /** A line about a workload in containers. */
    public Entry(
        Owner owner,
        @Nullable SpiffeId id,
        String environment,
        List<IpAddress> addresses,
        List<String> names) {
      this(owner, id, environment, addresses, names, false);
    }
  }

  public StaticWorkloadDirectory(List<Entry> entries) {
    for (var entry : entries) {
      byOwner.merge(
          entry.owner(),
          new Workload(
              entry.owner(),
              entry.environment(),
              entry.id() == null ? Set.of() : Set.of(entry.id()),
              entry.onHost()),
          StaticWorkloadDirectory::merged);
      if (entry.id() != null) {
        byId.merge(entry.id(), Set.of(entry.owner()), StaticWorkloadDirectory::both);
      }
    }
    for (var entry : entries) {
      var workload = byOwner.get(entry.owner());
      if (workload != null) {
        entry.addresses().forEach(address -> byAddress.put(address, workload));
        entry.names().forEach(name -> byName.put(name, workload));
      }
    }
  }

  private static Set<Owner> both(Set<Owner> some, Set<Owner> more) {
    var all = new HashSet<>(some);
    all.addAll(more);
    return Set.copyOf(all);
  }

  private static Workload merged(Workload one, Workload other) {
    var ids = new HashSet<>(one.spiffeIds());
    ids.addAll(other.spiffeIds());
    return new Workload(one.owner(), one.environment(), ids, one.onHost());
  }

  @Override
  public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
    var owners = byId.getOrDefault(id, Set.of());
    var here = byAddress.get(address);
    if (here != null) {
      return owners.contains(here.owner()) ? here : null;
    }
    return owners.size() == 1 ? byOwner.get(owners.iterator().next()) : null;
  }

  @Override
  public @Nullable Workload at(IpAddress address) {
    return byAddress.get(address);
  }

  @Override
  public @Nullable Workload named(String name) {
    return byName.get(name);
  }

  @Override
  public Collection<Workload> all() {
    return List.copyOf(byOwner.values());
  }
}
