package io.kith.server.kubernetes.directory;

import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * WorkloadEntries: machines of the mesh that are no pods, by name and by address. Changed by one
 * thread at a time; reading takes no lock.
 */
final class WorkloadEntries {
  /*
   * Whoever may write WorkloadEntries in one namespace, or has a token with which istiod writes one,
   * can put any address into it, and nothing of the network follows from that. So it takes an
   * address from nobody: it has one that is free, or none. And it has no public one, which would
   * make a way out of the mesh look like one within.
   */
  private static final Pattern ACCOUNT = Pattern.compile("[a-z0-9]([a-z0-9.-]*[a-z0-9])?");

  private final Owners owners;
  private final String trustDomain;
  private final Surroundings surroundings;
  private final Map<String, Map<String, Row>> byNamespace = new HashMap<>();
  private final Map<IpAddress, List<Row>> claims = new HashMap<>();
  private final ConcurrentHashMap<IpAddress, Row> held = new ConcurrentHashMap<>();

  /** What else there is in the cluster. */
  interface Surroundings {
    /** What has an address that a WorkloadEntry of a namespace claims, in words, or null. */
    @Nullable String holderOf(IpAddress address, String namespace);

    /** Another one than before, or none, or the same one that is now somebody else's. */
    void replaced(@Nullable Selectable before, @Nullable Selectable fresh);
  }

  WorkloadEntries(Owners owners, String trustDomain, Surroundings surroundings) {
    this.owners = owners;
    this.trustDomain = trustDomain;
    this.surroundings = surroundings;
  }

  /** A WorkloadEntry. */
  static final class Row implements Selectable {
    private final Facts.WorkloadEntry facts;
    private final Owners.Entry owner;
    private final @Nullable SpiffeId id;
    private @Nullable String problem = "";

    private Row(Facts.WorkloadEntry facts, Owners.Entry owner, @Nullable SpiffeId id) {
      this.facts = facts;
      this.owner = owner;
      this.id = id;
    }

    @Override
    public String namespace() {
      return facts.name().namespace();
    }

    @Override
    public Map<String, String> labels() {
      return facts.labels();
    }

    @Override
    public boolean isPod() {
      return false;
    }

    /** Null while it does not have its address. */
    @Override
    public Owners.@Nullable Entry owner() {
      return problem == null ? owner : null;
    }

    private boolean isTheSameAs(Row other) {
      return owner == other.owner && Objects.equals(id, other.id);
    }
  }

  // ---- changes

  /**
   * @throws IllegalArgumentException when its name or its account is none
   */
  void put(Facts.WorkloadEntry facts) {
    var rows = byNamespace.computeIfAbsent(facts.name().namespace(), _ -> new HashMap<>());
    var before = rows.get(facts.name().name());
    if (before != null && before.facts.equals(facts)) {
      return;
    }
    var owner = ownerOf(facts);
    var id = id(facts);
    var fresh = new Row(facts, owners.hold(owner), id);
    rows.put(facts.name().name(), fresh);
    if (fresh.id != null) {
      owners.speaks(fresh.owner, fresh.id);
    }
    replace(before, fresh);
  }

  private static Owner ownerOf(Facts.WorkloadEntry facts) {
    var namespace = facts.name().namespace();
    var group = facts.group();
    return group == null
        ? new Owner(namespace, "workloadentry", facts.name().name())
        : new Owner(namespace, "workloadgroup", group);
  }

  private @Nullable SpiffeId id(Facts.WorkloadEntry facts) {
    var account = facts.account();
    if (account != null && !ACCOUNT.matcher(account).matches()) {
      throw new IllegalArgumentException(
          "serviceAccount: '" + account + "' (expected: the name of a service account)");
    }
    return account == null
        ? null
        : owners.kept(
            SpiffeId.parse(
                "spiffe://%s/ns/%s/sa/%s"
                    .formatted(trustDomain, facts.name().namespace(), account)));
  }

  void remove(Facts.Name name) {
    var rows = byNamespace.get(name.namespace());
    var before = rows == null ? null : rows.remove(name.name());
    if (rows != null && rows.isEmpty()) {
      byNamespace.remove(name.namespace());
    }
    if (before != null) {
      replace(before, null);
    }
  }

  private void replace(@Nullable Row before, @Nullable Row fresh) {
    var addresses = new ArrayList<IpAddress>(2);
    if (fresh != null && fresh.facts.ip() != null) {
      claims.computeIfAbsent(fresh.facts.ip(), _ -> new ArrayList<>(1)).add(fresh);
      addresses.add(fresh.facts.ip());
    }
    if (before != null && before.facts.ip() != null) {
      addresses.add(before.facts.ip());
      claims.computeIfPresent(
          before.facts.ip(),
          (_, rows) -> {
            rows.remove(before);
            return rows.isEmpty() ? null : rows;
          });
    }
    addresses.forEach(this::changed);
    surroundings.replaced(before, fresh);
    if (before != null) {
      if (before.id != null) {
        owners.falls(before.owner, before.id);
      }
      owners.release(before.owner);
    }
  }

  /** Something else has an address now, or nothing has. */
  void changed(IpAddress address) {
    var rows = claims.get(address);
    if (rows == null) {
      held.remove(address);
      return;
    }
    var first = rows.getFirst();
    var alone = rows.stream().allMatch(first::isTheSameAs);
    var problems = new HashMap<Row, String>();
    for (var row : rows) {
      var problem = problem(address, row, alone);
      if (problem != null) {
        problems.put(row, problem);
      }
    }
    if (problems.isEmpty()) {
      held.put(address, first);
    } else {
      held.remove(address);
    }
    for (var row : rows) {
      var hadIt = row.problem == null;
      row.problem = problems.get(row);
      if (hadIt != (row.problem == null)) {
        surroundings.replaced(row, row);
      }
    }
  }

  private @Nullable String problem(IpAddress address, Row row, boolean alone) {
    if (isOfTheHost(address) || Reach.isMetadataUnder("", address)) {
      return "is an address of one machine only";
    }
    if (!address.isPrivate()) {
      return "is a public address";
    }
    var holder = surroundings.holderOf(address, row.namespace());
    if (holder != null) {
      return holder;
    }
    return alone ? null : "is claimed by several WorkloadEntries that are not of one workload";
  }

  private static boolean isOfTheHost(IpAddress address) {
    return address.isLoopback() || address.inet().isLinkLocalAddress();
  }

  // ---- answers

  /** Whose it is that has an address, or null. */
  Owners.@Nullable Entry ownerAt(IpAddress address) {
    var row = held.get(address);
    return row == null ? null : row.owner;
  }

  /** Whose it is that has an address and speaks with an ID, or null. */
  Owners.@Nullable Entry ownerAt(IpAddress address, SpiffeId id) {
    var row = held.get(address);
    return row != null && row.id != null && row.id.equals(id) ? row.owner : null;
  }

  Collection<Row> in(String namespace) {
    return byNamespace.getOrDefault(namespace, Map.of()).values();
  }

  /** Those that name nothing, with why: {@code shop/vm: '10.0.0.1' is a pod's}. */
  List<String> unused() {
    return all()
        .filter(row -> row.problem != null)
        .map(
            row ->
                "%s: '%s' %s"
                    .formatted(
                        row.facts.name(),
                        row.facts.address(),
                        row.facts.ip() == null ? "is no IP address" : row.problem))
        .sorted()
        .toList();
  }

  /** By whether they name anything. */
  Map<String, Long> count() {
    var unused = all().filter(row -> row.problem != null).count();
    return Map.of("yes", all().count() - unused, "no", unused);
  }

  private Stream<Row> all() {
    return byNamespace.values().stream().flatMap(rows -> rows.values().stream());
  }
}
