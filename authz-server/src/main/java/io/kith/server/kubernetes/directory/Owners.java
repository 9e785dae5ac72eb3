package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What owns pods, and the SPIFFE IDs that these can speak with. Changed by one thread at a time;
 * reading takes no lock.
 */
final class Owners {
  /** Where a namespace says nothing. */
  static final String ENVIRONMENT = "default";

  private final ConcurrentHashMap<Owner, Entry> byOwner = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<SpiffeId, Speakers> byId = new ConcurrentHashMap<>();
  private final Map<String, String> environments = new HashMap<>();
  private volatile Consumer<Workload> appeared = _ -> {};

  /** An owner as long as a pod or a service leads to it. */
  static final class Entry {
    private final Owner owner;
    private final Map<SpiffeId, int[]> pods = new HashMap<>(2);
    private int references;
    private volatile Workload workload;

    private Entry(Owner owner, String environment) {
      this.owner = owner;
      this.workload = new Workload(owner, environment, Set.of());
    }

    Owner owner() {
      return owner;
    }

    Workload workload() {
      return workload;
    }
  }

  /** Who speaks with an ID; the ID itself is kept once. */
  private record Speakers(SpiffeId id, List<Entry> owners) {}

  void tell(Consumer<Workload> listener) {
    var before = appeared;
    appeared =
        workload -> {
          before.accept(workload);
          listener.accept(workload);
        };
  }

  /** The owner, kept until it is {@linkplain #release released} as often as it was held. */
  Entry hold(Owner owner) {
    var entry =
        byOwner.computeIfAbsent(
            owner,
            _ -> new Entry(owner, environments.getOrDefault(owner.namespace(), ENVIRONMENT)));
    entry.references++;
    return entry;
  }

  void hold(Entry entry) {
    entry.references++;
  }

  void release(Entry entry) {
    if (--entry.references == 0) {
      byOwner.remove(entry.owner);
    }
  }

  /** The ID as it is kept, so that equal ones are one object. */
  SpiffeId kept(SpiffeId id) {
    var speakers = byId.get(id);
    return speakers == null ? id : speakers.id();
  }

  /** One more pod of an owner speaks with an ID. */
  void speaks(Entry entry, SpiffeId id) {
    if (entry.pods.computeIfAbsent(id, _ -> new int[1])[0]++ > 0) {
      return;
    }
    var first = entry.pods.size() == 1;
    publish(entry);
    if (first) {
      appeared.accept(entry.workload);
    }
    byId.compute(
        id,
        (_, before) -> {
          var owners = new ArrayList<>(before == null ? List.of() : before.owners());
          owners.add(entry);
          return new Speakers(before == null ? id : before.id(), List.copyOf(owners));
        });
  }

  /** One pod less does. */
  void falls(Entry entry, SpiffeId id) {
    var count = entry.pods.get(id);
    if (count == null || --count[0] > 0) {
      return;
    }
    byId.computeIfPresent(
        id,
        (_, before) -> {
          var owners = before.owners().stream().filter(other -> other != entry).toList();
          return owners.isEmpty() ? null : new Speakers(before.id(), owners);
        });
    entry.pods.remove(id);
    publish(entry);
  }

  private static void publish(Entry entry) {
    entry.workload = new Workload(entry.owner, entry.workload.environment(), entry.pods.keySet());
  }

  /**
   * Says the environment of a namespace.
   *
   * @param environment null for {@link #ENVIRONMENT}
   */
  void environment(String namespace, @Nullable String environment) {
    var before =
        environment == null
            ? environments.remove(namespace)
            : environments.put(namespace, environment);
    if (Objects.equals(before, environment)) {
      return;
    }
    var now = environment == null ? ENVIRONMENT : environment;
    for (var entry : byOwner.values()) { // of few: a label of a namespace hardly ever changes
      if (entry.owner.namespace().equals(namespace)) {
        entry.workload = new Workload(entry.owner, now, entry.workload.spiffeIds());
      }
    }
  }

  /** Whose ID it is, when it is of one owner only. */
  @Nullable Workload only(SpiffeId id) {
    var speakers = byId.get(id);
    return speakers == null || speakers.owners().size() != 1
        ? null
        : speakers.owners().getFirst().workload;
  }

  /** Whose ID it is. */
  Set<Owner> speakers(SpiffeId id) {
    var speakers = byId.get(id);
    return speakers == null
        ? Set.of()
        : speakers.owners().stream().map(Entry::owner).collect(Collectors.toUnmodifiableSet());
  }

  /** The workload of an owner, or null. */
  @Nullable Workload of(Owner owner) {
    var entry = byOwner.get(owner);
    return entry == null ? null : entry.workload;
  }

  /** Those with a pod that can have an SVID. */
  Collection<Workload> speaking() {
    return byOwner.values().stream()
        .map(Entry::workload)
        .filter(workload -> !workload.spiffeIds().isEmpty())
        .toList();
  }

  int size() {
    return byOwner.size();
  }
}
