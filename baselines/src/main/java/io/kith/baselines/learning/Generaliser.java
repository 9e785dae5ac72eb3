package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.NameShape;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes patterns of the exact destinations of one process class.
 *
 * <p>Before support and before estimating: sharded names, growing pools of addresses and ports that
 * are drawn at every start would each look new for ever.
 */
final class Generaliser {
  /*
   * Never: across processes, at or above a public suffix or the services of a namespace, public
   * addresses, ports below 32768, sensitive destinations.
   *
   * Tighter than they could be on purpose. Names keep the shape of their first label when four
   * share it (s#.cdn.example does not admit x187). Addresses get the smallest block that holds
   * them with as much room again, so that a growing pool asks a reviewer a few times, each time for
   * twice as much, and a stranger at the other end of the /24 is still a stranger.
   */
  static final int ENOUGH = 4;
  private static final String CLUSTER = ".svc.cluster.local";

  private static final int REMEMBERED = 1_024;

  private final PublicSuffixes suffixes;
  private final Map<String, Optional<String>> registrable = new HashMap<>();

  Generaliser(PublicSuffixes suffixes) {
    this.suffixes = suffixes;
  }

  /** Groups that together hold every destination once. */
  List<Group> groups(ProcessClass process, Map<Exact, Sightings> exact) {
    var left = new LinkedHashMap<Exact, Sightings>();
    exact.entrySet().stream()
        .sorted(Map.Entry.comparingByKey(Generaliser::compare))
        .forEach(entry -> left.put(entry.getKey(), entry.getValue()));
    var groups = new ArrayList<Group>();
    if (left.size() >= ENOUGH) {
      collect(process, left, groups, this::shaped, Generaliser::same);
      collect(process, left, groups, this::wild, Generaliser::same);
      collect(process, left, groups, Generaliser::network, Generaliser::block);
      collect(process, left, groups, Generaliser::anyPort, Generaliser::dynamic);
    }
    left.entrySet()
        .forEach(
            entry ->
                groups.add(
                    new Group(
                        process,
                        entry.getKey(),
                        List.of(Map.entry(entry.getKey(), entry.getValue())))));
    return groups;
  }

  private static int compare(Exact one, Exact other) {
    var byName = one.name().compareTo(other.name());
    return byName != 0 ? byName : one.toString().compareTo(other.toString());
  }

  /** Moves to groups what has enough members of one kind. */
  private static void collect(
      ProcessClass process,
      Map<Exact, Sightings> left,
      List<Group> groups,
      Function<Map.Entry<Exact, Sightings>, @Nullable DestinationPattern> kind,
      Function<Kind, @Nullable DestinationPattern> pattern) {
    var kinds = new LinkedHashMap<DestinationPattern, List<Map.Entry<Exact, Sightings>>>();
    for (var entry : left.entrySet()) {
      var of = entry.getValue().reach() == Reach.SENSITIVE ? null : kind.apply(entry);
      if (of != null) {
        kinds
            .computeIfAbsent(of, _ -> new ArrayList<>())
            .add(Map.entry(entry.getKey(), entry.getValue()));
      }
    }
    kinds.forEach(
        (of, members) -> {
          var made = members.size() < ENOUGH ? null : pattern.apply(new Kind(of, members));
          if (made != null) {
            groups.add(new Group(process, made, members));
            members.forEach(member -> left.remove(member.getKey()));
          }
        });
  }

  private record Kind(DestinationPattern of, List<Map.Entry<Exact, Sightings>> members) {}

  private static DestinationPattern same(Kind kind) {
    return kind.of;
  }

  private @Nullable DestinationPattern shaped(Map.Entry<Exact, Sightings> entry) {
    return wildcard(entry.getKey(), NameShape.of(entry.getKey().name()));
  }

  private @Nullable DestinationPattern wild(Map.Entry<Exact, Sightings> entry) {
    return wildcard(entry.getKey(), null);
  }

  private @Nullable DestinationPattern wildcard(Exact exact, @Nullable String shape) {
    var name = exact.name();
    var dot = name.indexOf('.');
    if (exact.weakest() == Evidence.ADDRESS || exact.weakest() == Evidence.OWNER || dot <= 0) {
      return null;
    }
    var parent = name.substring(dot + 1);
    return mayBeParent(parent)
        ? new HostWildcard(shape, parent, exact.weakest(), exact.port(), exact.protocol())
        : null;
  }

  /** Below a registered name; in the cluster below one service, as the pods of a StatefulSet. */
  private boolean mayBeParent(String parent) {
    if (parent.endsWith(CLUSTER)) {
      var service = parent.substring(0, parent.length() - CLUSTER.length());
      return service.indexOf('.') > 0;
    }
    return registrable(parent) != null;
  }

  private static @Nullable DestinationPattern network(Map.Entry<Exact, Sightings> entry) {
    var exact = entry.getKey();
    if (exact.weakest() != Evidence.ADDRESS || entry.getValue().reach() != Reach.INTERNAL) {
      return null;
    }
    var address = IpAddress.parse(exact.name());
    return address.bytes().length == 4
        ? AddressBlocks.around(Set.of(address), 24, exact.port(), exact.protocol())
        : null;
  }

  private static @Nullable DestinationPattern block(Kind kind) {
    var addresses = new HashSet<IpAddress>();
    kind.members.forEach(member -> addresses.add(IpAddress.parse(member.getKey().name())));
    var any = kind.members.getFirst().getKey();
    return AddressBlocks.cheapest(addresses, any.port(), any.protocol());
  }

  private static @Nullable DestinationPattern anyPort(Map.Entry<Exact, Sightings> entry) {
    var exact = entry.getKey();
    return exact.port() >= PortRange.FIRST_DYNAMIC && exact.weakest() != Evidence.ADDRESS
        ? new PortRange(
            exact.name(), exact.weakest(), PortRange.FIRST_DYNAMIC, 65_535, exact.protocol())
        : null;
  }

  /** Ports that come and go: of fixed ones all are used at the same time. */
  private static @Nullable DestinationPattern dynamic(Kind kind) {
    var most = 0;
    for (var member : kind.members) {
      var at = member.getValue().first();
      most = Math.max(most, usedAt(at, kind.members));
    }
    return most * 2 <= kind.members.size() ? kind.of : null;
  }

  private static int usedAt(Instant at, List<Map.Entry<Exact, Sightings>> members) {
    var used = 0;
    for (var member : members) {
      var sightings = member.getValue();
      used += sightings.first().isAfter(at) || sightings.last().isBefore(at) ? 0 : 1;
    }
    return used;
  }

  /** Unrelated owners of the external names that one process class reaches. */
  Parents parents(Map<Exact, Sightings> exact) {
    var parents = new Parents();
    exact.forEach(
        (destination, sightings) -> {
          if (sightings.reach() == Reach.EXTERNAL_NAME) {
            var registrable = registrable(destination.name());
            parents.add(
                destination.port(),
                destination.protocol(),
                registrable == null ? destination.name() : registrable);
          }
        });
    return parents;
  }

  private @Nullable String registrable(String name) {
    if (registrable.size() >= REMEMBERED) {
      registrable.clear();
    }
    return registrable
        .computeIfAbsent(name, n -> Optional.ofNullable(suffixes.registrable(n)))
        .orElse(null);
  }
}
