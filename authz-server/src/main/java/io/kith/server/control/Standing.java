package io.kith.server.control;

import io.kith.baselines.bundle.InMesh;
import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the log of changes says of one workload. Never changed: an amendment makes another.
 *
 * @param allowed edges by hand
 * @param denied what rules by hand deny, as edges
 * @param quarantined the same, and kept from being learned
 * @param acknowledged edges and decisions that somebody saw, by id; the latest ones
 * @param vouchers of other environments
 * @param relearned how often somebody said to forget what was learned
 * @param past ids of rules that had ended long before a change was made, by the clock of who made
 *     it: they count for no limit
 */
record Standing(
    Life life,
    List<Edge> allowed,
    List<Edge> denied,
    List<Edge> quarantined,
    Map<String, Acknowledgement> acknowledged,
    List<Voucher> vouchers,
    int relearned,
    Set<String> past) {
  /** Rules of one sort. */
  static final int MAX_RULES = 1_000;

  /** Ended rules are shown this long, so that the reason of a denial is that they ended. */
  static final Duration KEPT_AFTER_END = Duration.ofHours(24);

  private static final int MAX_ACKNOWLEDGED = 1_000;
  private static final int MAX_VOUCHERS = 4_096;

  /** What became of an amendment. */
  sealed interface Step {
    /** It holds. */
    record Taken(Standing standing) implements Step {}

    /** It does not. */
    record Refused(String why) implements Step {}
  }

  Standing {
    allowed = List.copyOf(allowed);
    denied = List.copyOf(denied);
    quarantined = List.copyOf(quarantined);
    acknowledged =
        acknowledged.isEmpty()
            ? Map.of()
            : Collections.unmodifiableMap(new LinkedHashMap<>(acknowledged));
    vouchers = List.copyOf(vouchers);
    past =
        past.isEmpty()
            ? Set.of()
            : rules(allowed, denied, quarantined)
                .map(Edge::id)
                .filter(past::contains)
                .collect(Collectors.toUnmodifiableSet());
  }

  private static Stream<Edge> rules(List<Edge> allowed, List<Edge> denied, List<Edge> quarantined) {
    return Stream.of(allowed, denied, quarantined).flatMap(List::stream);
  }

  static Standing none(Owner owner) {
    return new Standing(
        Life.none(owner), List.of(), List.of(), List.of(), Map.of(), List.of(), 0, Set.of());
  }

  private Owner owner() {
    return life.revisions().owner();
  }

  /** What the amendment of this workload makes of it. */
  Step amend(Amendment.OfWorkload amendment, Change change, Keyring keys) {
    var end = change.at().minus(KEPT_AFTER_END);
    var now = ended(end);
    return switch (amendment) {
      case Amendment.Propose(_, var signed) -> now.with(life.propose(signed, keys, change));
      case Amendment.Approve(_, var approval) -> now.with(life.approve(approval, keys));
      case Amendment.Reject(_, var revision) -> now.with(life.reject(revision, change));
      case Amendment.Rollback(_, var from, var to) ->
          now.with(life.rollback(from, to, keys, change));
      case Amendment.Allow(_, var edge, var approval) -> now.allow(edge, approval, keys);
      case Amendment.Deny(_, var edge) -> now.deny(edge);
      case Amendment.Quarantine(_, var edge) -> now.quarantine(edge);
      case Amendment.Remove(_, var id) -> now.remove(id, end);
      case Amendment.Ack(_, var id) -> new Step.Taken(now.acknowledge(id, change));
      case Amendment.Relearn _ ->
          new Step.Taken(
              new Standing(
                  life,
                  now.allowed,
                  now.denied,
                  now.quarantined,
                  acknowledged,
                  vouchers,
                  relearned + 1,
                  now.past));
      case Amendment.Reopen(_, var revision, var edge) ->
          life.reopen(revision, edge, change) instanceof Life.Step.Taken(var reopened)
              ? new Step.Taken(
                  now.with(reopened).renewed(edge).withAllowed(now.plus(now.allowed, edge)))
              : now.with(life.reopen(revision, edge, change));
    };
  }

  /** What a mode brings: a revision that waits decides, or gives the second verdict. */
  Step advance(Amendment.SetMode.Step step, boolean enforce, Keyring keys, Change change) {
    Life.Step approved = new Life.Step.Taken(life);
    for (var approval : step.approvals()) {
      approved = approved.and(now -> now.approve(approval, keys));
    }
    return with(
        approved.and(
            now ->
                enforce
                    ? now.enforce(step.revision(), keys, change)
                    : now.shadow(step.revision(), change)));
  }

  /** With vouchers of another environment in place of those of the same environment before. */
  Standing vouchedBy(Amendment.Import imported, List<Voucher> more) {
    var all = new ArrayList<Voucher>();
    vouchers.stream()
        .filter(
            one ->
                !one.environment().equals(imported.environment())
                    && !one.environment().equals(imported.to()))
        .forEach(all::add);
    all.addAll(more);
    var kept = all.subList(Math.max(0, all.size() - MAX_VOUCHERS), all.size());
    return new Standing(life, allowed, denied, quarantined, acknowledged, kept, relearned, past);
  }

  private Step with(Life.Step step) {
    return switch (step) {
      case Life.Step.Taken(var next) -> new Step.Taken(with(next));
      case Life.Step.Refused(var why) -> new Step.Refused(why);
    };
  }

  private Standing with(Life next) {
    return new Standing(
        next, allowed, denied, quarantined, acknowledged, vouchers, relearned, past);
  }

  private Standing withAllowed(List<Edge> edges) {
    return withRules(edges, denied, quarantined);
  }

  private Standing withRules(List<Edge> allowed, List<Edge> denied, List<Edge> quarantined) {
    return new Standing(
        life, allowed, denied, quarantined, acknowledged, vouchers, relearned, past);
  }

  private Step allow(Edge edge, @Nullable Approval approval, Keyring keys) {
    var refused = notARule(edge, allowed);
    if (refused != null) {
      return new Step.Refused(refused);
    }
    if (leavesTheMesh(edge) && !isApproved(edge, approval, keys)) {
      return new Step.Refused(
          edge.words() + " leaves the mesh and no approver signed it (kith allow --key FILE)");
    }
    return new Step.Taken(renewed(edge).withAllowed(plus(allowed, edge)));
  }

  /** Whether a rule by hand needs an approver. */
  static boolean leavesTheMesh(Edge edge) {
    return !InMesh.holds(edge.destination());
  }

  private boolean isApproved(Edge edge, @Nullable Approval approval, Keyring keys) {
    return approval != null
        && approval.owner().equals(owner())
        && approval.grants().contains(SignedBaseline.grantOf(owner(), edge))
        && SignedBaseline.holds(approval, keys);
  }

  private Step deny(Edge edge) {
    var refused = notARule(edge, denied);
    return refused == null
        ? new Step.Taken(renewed(edge).withRules(allowed, plus(denied, edge), quarantined))
        : new Step.Refused(refused);
  }

  private Step quarantine(Edge edge) {
    var refused = notARule(edge, quarantined);
    return refused == null
        ? new Step.Taken(renewed(edge).withRules(allowed, denied, plus(quarantined, edge)))
        : new Step.Refused(refused);
  }

  private @Nullable String notARule(Edge edge, List<Edge> rules) {
    var others = rules.stream().filter(other -> !past.contains(other.id())).toList();
    if (!(edge.provenance() instanceof Provenance.ByHand)) {
      return edge.words() + " is " + edge.provenance().words() + " (expected: by hand)";
    }
    if (others.stream().anyMatch(other -> other.id().equals(edge.id()))) {
      return "the same rule is there already: " + edge.id();
    }
    return others.size() < MAX_RULES
        ? null
        : owner()
            + " has "
            + MAX_RULES
            + " rules by hand, which is the limit (what is normal belongs into the baseline:"
            + " kith learn finish "
            + owner()
            + ")";
  }

  /** The rule by hand with that id, or null. */
  @Nullable Edge rule(String id) {
    return rules(allowed, denied, quarantined)
        .filter(edge -> edge.id().equals(id))
        .findFirst()
        .orElse(null);
  }

  private Step remove(String id, Instant end) {
    var rule = rule(id);
    if (rule == null || rule.provenance().endedAt(end)) {
      return new Step.Refused(
          "'" + id + "' is not a rule by hand of " + owner() + " (kith show lists them)");
    }
    return new Step.Taken(
        withRules(without(allowed, id), without(denied, id), without(quarantined, id)));
  }

  private Standing acknowledge(String id, Change change) {
    var all = new LinkedHashMap<>(acknowledged);
    all.remove(id);
    all.put(id, new Acknowledgement(change.author(), change.at(), change.note()));
    while (all.size() > MAX_ACKNOWLEDGED) {
      all.pollFirstEntry();
    }
    return new Standing(life, allowed, denied, quarantined, all, vouchers, relearned, past);
  }

  /*
   * A rule that ended long before is not dropped while there is room: the clock of who made the
   * change may be ahead, and the log is folded once, while a rule ends whenever it is asked.
   */
  /** With rules marked that had ended by then. */
  private Standing ended(Instant end) {
    var ids = new HashSet<>(past);
    rules(allowed, denied, quarantined)
        .filter(edge -> edge.provenance().endedAt(end))
        .forEach(edge -> ids.add(edge.id()));
    return new Standing(life, allowed, denied, quarantined, acknowledged, vouchers, relearned, ids);
  }

  /** With a rule that may be made anew not marked. */
  private Standing renewed(Edge edge) {
    var ids = past.stream().filter(id -> !id.equals(edge.id())).collect(Collectors.toSet());
    return new Standing(life, allowed, denied, quarantined, acknowledged, vouchers, relearned, ids);
  }

  /** Those that had not ended by then. */
  static List<Edge> current(List<Edge> edges, Instant at) {
    return edges.stream().anyMatch(edge -> edge.provenance().endedAt(at))
        ? edges.stream().filter(edge -> !edge.provenance().endedAt(at)).toList()
        : edges;
  }

  /** Whether a person denies the whole of an edge. */
  boolean isTakenAway(Edge edge, Instant now) {
    return Stream.concat(denied.stream(), quarantined.stream())
        .filter(rule -> !rule.provenance().endedAt(now))
        .anyMatch(
            rule ->
                RuleByHand.of(rule).process().covers(edge.process())
                    && (rule.destination().equals(edge.destination())
                        || Objects.equals(
                            rule.destination(),
                            AmendmentJson.everywhere(edge.process()).destination())));
  }

  private List<Edge> plus(List<Edge> edges, Edge edge) {
    var all = new ArrayList<>(without(edges, edge.id()));
    var surplus = all.size() + 1 - MAX_RULES;
    for (var old : edges) {
      if (surplus > 0 && past.contains(old.id()) && all.remove(old)) {
        surplus--;
      }
    }
    all.add(edge);
    return all;
  }

  private static List<Edge> without(List<Edge> edges, String id) {
    return edges.stream().filter(edge -> !edge.id().equals(id)).toList();
  }
}
