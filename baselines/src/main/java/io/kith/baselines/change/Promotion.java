package io.kith.baselines.change;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Printable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A bundle as it arrives in another environment.
 *
 * @param from the environment that the bundle is of
 * @param environment where it arrives
 * @param vouchers what mapped; evidence for the learner
 * @param baselines the same as policy, for whoever asks for that; each follows what is enforced
 *     here
 * @param diffs by owner, against what is enforced here
 * @param notMapped what was left out, and why
 * @param notUsed lines of the map that nothing needed
 */
public record Promotion(
    String from,
    String environment,
    List<Voucher> vouchers,
    List<Baseline> baselines,
    Map<Owner, BaselineDiff> diffs,
    List<NotMapped> notMapped,
    List<DestinationMap.Entry> notUsed) {
  private static final String MESH = ".svc.cluster.local";

  /** An edge that stays behind. */
  public record NotMapped(Owner owner, Edge edge, String why) {}

  /** What became of a promotion. */
  public sealed interface Arrival {
    /** Here it is. */
    record Arrived(Promotion promotion) implements Arrival {}

    /** The bundle is not for here. */
    record Refused(String why) implements Arrival {}
  }

  public Promotion {
    vouchers = List.copyOf(vouchers);
    baselines = List.copyOf(baselines);
    diffs = java.util.Collections.unmodifiableMap(new TreeMap<>(diffs));
    notMapped = List.copyOf(notMapped);
    notUsed = List.copyOf(notUsed);
  }

  /**
   * Maps a bundle that was verified.
   *
   * @param environment where this is
   * @param enforced what is enforced here; may be empty
   */
  public static Arrival promote(
      Bundle bundle, DestinationMap map, String environment, Map<Owner, Baseline> enforced) {
    if (!map.to().equals(environment)) {
      return new Arrival.Refused(
          "the map leads to '" + map.to() + "' (expected: to '" + environment + "')");
    }
    if (!map.from().equals(bundle.environment())) {
      return new Arrival.Refused(
          "the bundle is from '"
              + bundle.environment()
              + "' (expected: from '"
              + map.from()
              + "', as the map says)");
    }
    var vouchers = new ArrayList<Voucher>();
    var baselines = new ArrayList<Baseline>();
    var diffs = new TreeMap<Owner, BaselineDiff>();
    var notMapped = new ArrayList<NotMapped>();
    var used = new HashSet<DestinationMap.Entry>();
    for (var baseline : bundle.baselines()) {
      var owner = baseline.owner();
      var edges = new ArrayList<Edge>();
      for (var edge : baseline.edges()) {
        switch (mapped(edge, map, used)) {
          case Mapped.To(var destination) -> {
            vouchers.add(
                new Voucher(owner, edge.process(), destination, map.from(), baseline.revision()));
            edges.add(Edge.learned(edge.process(), destination));
          }
          case Mapped.Not(var why) -> notMapped.add(new NotMapped(owner, edge, why));
        }
      }
      var here = enforced.get(owner);
      var arrived = Baseline.of(owner, here == null ? null : here.revision(), edges);
      baselines.add(arrived);
      diffs.put(owner, BaselineDiff.of(here, arrived));
    }
    return new Arrival.Arrived(
        new Promotion(
            map.from(), environment, vouchers, baselines, diffs, notMapped, map.without(used)));
  }

  /** Workloads of the bundle for which nothing is vouched: what was before is withdrawn. */
  public List<Owner> withdrawn() {
    var owners = new TreeSet<Owner>();
    baselines.forEach(baseline -> owners.add(baseline.owner()));
    vouchers.forEach(voucher -> owners.remove(voucher.owner()));
    return List.copyOf(owners);
  }

  private sealed interface Mapped {
    record To(DestinationPattern destination) implements Mapped {}

    record Not(String why) implements Mapped {}
  }

  private static Mapped mapped(Edge edge, DestinationMap map, HashSet<DestinationMap.Entry> used) {
    if (edge.provenance() instanceof Provenance.ByHand) {
      return new Mapped.Not("allowed by hand there (write it into an allow-list here)");
    }
    return switch (edge.destination()) {
      case DestinationPattern.Exact exact -> exact(exact, map, used);
      case DestinationPattern.PortRange range ->
          range.weakest() == Evidence.OWNER
              ? new Mapped.To(range)
              : throughMap(range.name(), range, map, used);
      case DestinationPattern.HostWildcard wildcard ->
          throughMap("*." + wildcard.parent(), wildcard, map, used);
      case DestinationPattern.AddressBlock block ->
          throughMap(block.network() + "/" + block.prefix(), block, map, used);
      case DestinationPattern.Written written ->
          throughMap(written.place().toString(), written, map, used);
    };
  }

  private static Ports portsOf(DestinationPattern pattern) {
    return switch (pattern) {
      case DestinationPattern.Exact exact -> new Ports(exact.port(), exact.port());
      case DestinationPattern.HostWildcard wildcard -> new Ports(wildcard.port(), wildcard.port());
      case DestinationPattern.AddressBlock block -> new Ports(block.port(), block.port());
      case DestinationPattern.PortRange range -> new Ports(range.low(), range.high());
      case DestinationPattern.Written written -> written.ports();
    };
  }

  private static Mapped exact(
      DestinationPattern.Exact exact, DestinationMap map, HashSet<DestinationMap.Entry> used) {
    if (map.entryOf(exact.name(), exact.port()) != null) {
      return throughMap(exact.name(), exact, map, used);
    }
    if (exact.weakest() == Evidence.OWNER) {
      return new Mapped.To(exact); // owners have no environment in their names
    }
    var local = exact.weakest() == Evidence.MESH_SERVICE ? serviceHere(exact.name(), map) : null;
    return local == null
        ? throughMap(exact.name(), exact, map, used)
        : new Mapped.To(
            new DestinationPattern.Exact(local, exact.weakest(), exact.port(), exact.protocol()));
  }

  /** A service of the mesh, in the namespace that the map has for its own; null for other names. */
  private static @Nullable String serviceHere(String name, DestinationMap map) {
    if (name.indexOf('.') < 0) {
      return name;
    }
    var dot = name.indexOf('.');
    var end = name.length() - MESH.length();
    if (!name.endsWith(MESH) || dot >= end) {
      return null;
    }
    var namespace = name.substring(dot + 1, end);
    return name.substring(0, dot + 1) + map.namespaces().getOrDefault(namespace, namespace) + MESH;
  }

  private static Mapped throughMap(
      String host,
      DestinationPattern pattern,
      DestinationMap map,
      HashSet<DestinationMap.Entry> used) {
    var entry = map.entryOf(host, portsOf(pattern).first());
    if (entry == null) {
      return new Mapped.Not("no line of the map names it (add one, with to: or same: true)");
    }
    used.add(entry);
    var to = entry.to();
    if (to == null) {
      return new Mapped.To(pattern);
    }
    var ports = to.ports().equals(Ports.ANY) ? portsOf(pattern) : to.ports();
    if (to.place() instanceof Place.Named(var name, var weakest)
        && ports.size() == 1
        && to.protocol() != null) {
      return new Mapped.To(
          new DestinationPattern.Exact(name, weakest, ports.first(), to.protocol()));
    }
    return new Mapped.To(new DestinationPattern.Written(to.place(), ports, to.protocol()));
  }

  /** For people: what arrives, and what stays behind. */
  public String text() {
    var text = new StringBuilder();
    text.append(vouchers.size()).append(" vouchers for ").append(environment).append('\n');
    diffs.forEach(
        (owner, diff) -> text.append('\n').append(owner).append('\n').append(diff.text()));
    if (!notMapped.isEmpty()) {
      text.append("\nNot mapped\n");
      notMapped.forEach(
          left ->
              text.append("  ! ")
                  .append(Printable.of(left.owner() + ": " + left.edge().words()))
                  .append(": ")
                  .append(left.why())
                  .append('\n'));
    }
    if (!notUsed.isEmpty()) {
      text.append("\nLines of the map that nothing needed\n");
      notUsed.forEach(entry -> text.append("  ? ").append(entry.from().words()).append('\n'));
    }
    return text.toString();
  }
}
