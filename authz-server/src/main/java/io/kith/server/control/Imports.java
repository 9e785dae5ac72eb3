package io.kith.server.control;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.change.DestinationMap;
import io.kith.baselines.change.Promotion;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** How a bundle of another environment is taken in. */
public final class Imports {
  private final Workloads workloads;
  private final Journal journal;
  private final ServerKeys keys;
  private final BaselineVerbs baselines;
  private final PublicSuffixes suffixes;
  private final Supplier<Set<String>> environments;
  private final InstantSource clock;
  private final Consumer<AuditEntry> audit;

  /**
   * @param environments those of the workloads that are known now
   */
  Imports(
      Workloads workloads,
      Journal journal,
      ServerKeys keys,
      BaselineVerbs baselines,
      PublicSuffixes suffixes,
      Supplier<Set<String>> environments,
      InstantSource clock,
      Consumer<AuditEntry> audit) {
    this.workloads = workloads;
    this.journal = journal;
    this.keys = keys;
    this.baselines = baselines;
    this.suffixes = suffixes;
    this.environments = environments;
    this.clock = clock;
    this.audit = audit;
  }

  /**
   * What arrived.
   *
   * @param keyId who signed the bundle
   */
  public record Arrived(Promotion promotion, String keyId) {}

  /**
   * Verifies and maps a bundle; nothing is changed.
   *
   * @param map YAML of a destination map; empty for none
   * @throws RefusedException when the bundle or the map cannot be used, saying why
   */
  public Arrived look(byte[] bundle, String map) throws RefusedException {
    return switch (Bundles.open(bundle, keys.ring(), clock.instant())) {
      case Bundles.Opened.Refused(var why) ->
          throw RefusedException.precondition("the bundle is refused: " + why);
      case Bundles.Opened.Accepted(var opened, var keyId) -> {
        var names = mapOf(opened, map);
        yield switch (Promotion.promote(opened, names, here(names.to()), enforced(opened))) {
          case Promotion.Arrival.Refused(var why) -> throw RefusedException.precondition(why);
          case Promotion.Arrival.Arrived(var promotion) -> new Arrived(promotion, keyId);
        };
      }
    };
  }

  private DestinationMap mapOf(Bundle bundle, String map) throws RefusedException {
    if (map.isBlank()) {
      return new DestinationMap(bundle.environment(), here(""), Map.of(), List.of());
    }
    return switch (DestinationMap.read("map", map, suffixes)) {
      case DestinationMap.Read.Accepted(var read) -> read;
      case DestinationMap.Read.Refused(var problems) ->
          throw RefusedException.invalid(
              String.join("\n", problems.stream().map(Object::toString).toList()));
    };
  }

  /** The environment that is meant, which must be one of this server's. */
  private String here(String meant) throws RefusedException {
    var ours = new TreeSet<>(environments.get());
    if (ours.contains(meant)) {
      return meant;
    }
    if (ours.size() != 1) {
      throw RefusedException.precondition(
          "the workloads here are of " + ours + " (expected: a map whose spec.to is one of them)");
    }
    return ours.iterator().next();
  }

  private Map<Owner, Baseline> enforced(Bundle bundle) {
    var enforced = new HashMap<Owner, Baseline>();
    for (var baseline : bundle.baselines()) {
      var workload = workloads.find(baseline.owner());
      var here = workload == null ? null : workload.standing().life().enforced();
      if (here != null) {
        enforced.put(baseline.owner(), here);
      }
    }
    return enforced;
  }

  /** Takes a bundle in as evidence for the learner. */
  public Arrived vouch(byte[] bundle, String map, String note, String by) throws RefusedException {
    Notes.require(note, "where the bundle is from");
    var arrived = look(bundle, map);
    var promotion = arrived.promotion();
    journal.add(
        by,
        note,
        _ ->
            new Journal.Drafted<>(
                new Amendment.Import(
                    promotion.from(),
                    promotion.environment(),
                    arrived.keyId(),
                    promotion.vouchers(),
                    promotion.withdrawn()),
                promotion));
    audit.accept(
        new AuditEntry(
            "import",
            promotion.from(),
            by,
            note,
            "none",
            promotion.vouchers().size() + " vouchers, signed by " + arrived.keyId()));
    return arrived;
  }

  /**
   * Proposes what arrived for every workload at once; when one of them refuses it, or the store
   * fails, nothing is proposed.
   *
   * @return the revisions
   */
  public List<String> propose(Arrived arrived, String note, String by) throws RefusedException {
    Notes.require(note, "where the bundle is from");
    return baselines.arrive(arrived.promotion().baselines(), note, by);
  }
}
