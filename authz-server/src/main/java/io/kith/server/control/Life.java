package io.kith.server.control;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.PackedEdges;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.bundle.SignedBaseline.Verified;
import io.kith.baselines.change.BlastRadiusGuard;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.change.Revisions;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The revisions of a workload with their signatures. Never changed: a step makes another.
 *
 * @param signed the signature of each revision that is kept
 * @param approvals of edges, for whichever revision has them
 * @param reopened edges that the blast-radius guard let pass again under the enforced revision, by
 *     what they cover
 * @param closed edges that a person took away with a revision that was left, of those that earlier
 *     ones have; until one that has them decides again
 */
record Life(
    Revisions revisions,
    Map<String, Signed> signed,
    List<Approval> approvals,
    Set<Granted> reopened,
    Set<Granted> closed) {
  /** Superseded revisions that are kept: of the enforced, of the refused and of the others. */
  static final int KEPT = 10;

  private static final int MAX_APPROVALS = 256;

  /** Between the clocks that set an end and that write it down. */
  private static final Duration SKEW = Duration.ofMinutes(1);

  /** What an edge covers, whoever made it. */
  record Granted(Object process, Object destination) {
    static Granted by(Edge edge) {
      return new Granted(edge.process(), edge.destination());
    }
  }

  /**
   * What a revision was signed with. Its text, most of what there would be to keep, is what {@link
   * BaselineJson} writes of it.
   *
   * @param text another one that says the same, or null
   */
  record Signed(SignedBaseline.Seal signature, List<Approval> approvals, @Nullable String text) {
    static Signed of(SignedBaseline signed, Baseline baseline) {
      return new Signed(
          signed.signature(),
          signed.approvals(),
          signed.text().equals(BaselineJson.write(baseline)) ? null : signed.text());
    }
  }

  /** What became of a step. */
  sealed interface Step {
    /** It was taken. */
    record Taken(Life life) implements Step {}

    /** It was not. */
    record Refused(String why) implements Step {}

    /** Takes a further step from there. */
    default Step and(Function<Life, Step> next) {
      return switch (this) {
        case Taken(var life) -> next.apply(life);
        case Refused refused -> refused;
      };
    }
  }

  Life {
    signed = Map.copyOf(signed);
    approvals = List.copyOf(approvals);
    reopened = Set.copyOf(reopened);
    closed = Set.copyOf(closed);
  }

  static Life none(Owner owner) {
    return new Life(Revisions.none(owner), Map.of(), List.of(), Set.of(), Set.of());
  }

  /** The revision in shadow or proposed that came there last, or null. */
  Revisions.@Nullable Entry waiting() {
    return revisions.entries().stream()
        .filter(
            entry ->
                entry.state() == RevisionState.PROPOSED || entry.state() == RevisionState.SHADOW)
        .reduce((_, last) -> last)
        .orElse(null);
  }

  @Nullable Baseline enforced() {
    var entry = revisions.in(RevisionState.ENFORCED);
    return entry == null ? null : entry.baseline();
  }

  /** What waits, else what is enforced, or null. */
  @Nullable Baseline newest() {
    var entry = newestEntry();
    return entry == null ? null : entry.baseline();
  }

  Revisions.@Nullable Entry newestEntry() {
    var waiting = waiting();
    return waiting == null ? revisions.in(RevisionState.ENFORCED) : waiting;
  }

  /** The signed text with every approval there is. */
  @Nullable SignedBaseline signed(String revision) {
    var own = signed.get(revision);
    var entry = revisions.of(revision);
    if (own == null || entry == null) {
      return null;
    }
    var text = own.text();
    return new SignedBaseline(
        text == null ? BaselineJson.write(entry.baseline()) : text,
        own.signature(),
        approvalsOf(own));
  }

  /** Its own and those for whichever revision has the edges. */
  private List<Approval> approvalsOf(Signed own) {
    var all = new ArrayList<>(own.approvals());
    all.addAll(approvals);
    return all;
  }

  /** Edges of a revision that an approver has still to sign. */
  List<Edge> unapproved(Baseline baseline, Keyring keys) {
    var own = signed.get(baseline.revision());
    return own == null
        ? List.of()
        : SignedBaseline.unapproved(baseline, own.signature(), approvalsOf(own), keys);
  }

  /** A revision begins to wait; its signature must be good, approvals may be missing. */
  Step propose(SignedBaseline text, Keyring keys, Change change) {
    return switch (text.authentic(keys)) {
      case Verified.Refused(var why) -> new Step.Refused(why);
      case Verified.Accepted(var read) -> {
        var baseline = PackedEdges.pack(read);
        var texts = new HashMap<>(signed);
        texts.put(baseline.revision(), Signed.of(text, read));
        var by = change.author();
        yield new Life(revisions, texts, approvals, reopened, closed)
            .step(now -> now.draft(baseline, change.at(), by, change.note()))
            .and(
                life ->
                    life.step(
                        now -> now.propose(baseline.revision(), change.at(), by, change.note())));
      }
    };
  }

  /** A revision that waits gives the second verdict. */
  Step shadow(String revision, Change change) {
    return step(now -> now.shadow(revision, change.at(), change.author(), change.note()));
  }

  /** A revision that waits decides, if all of its signatures are good. */
  Step enforce(String revision, Keyring keys, Change change) {
    var bad = unfit(revision, keys);
    if (bad != null) {
      return new Step.Refused(bad);
    }
    var entry = revisions.of(revision);
    var first =
        entry != null && entry.state() == RevisionState.PROPOSED
            ? shadow(revision, change)
            : new Step.Taken(this);
    return first.and(
        life ->
            life.decidingBy(
                now -> now.enforce(revision, change.at(), change.author(), change.note())));
  }

  /** Its own signature was verified when it was proposed, without which it would not be here. */
  private @Nullable String unfit(String revision, Keyring keys) {
    var own = signed.get(revision);
    var entry = revisions.of(revision);
    if (own == null || entry == null) {
      return "'" + revision + "' is not a revision of this workload (see kith show)";
    }
    return SignedBaseline.approved(entry.baseline(), own.signature(), approvalsOf(own), keys)
            instanceof Verified.Refused(var why)
        ? revision + " may not decide: " + why
        : null;
  }

  Step reject(String revision, Change change) {
    return step(now -> now.reject(revision, change.at(), change.author(), change.note()));
  }

  /** Back to the revision before, if that still is good. */
  Step rollback(String from, String to, Keyring keys, Change change) {
    var enforced = enforced();
    if (enforced == null || !enforced.revision().equals(from)) {
      return new Step.Refused(
          from
              + " does not decide by now, but "
              + (enforced == null ? "nothing" : enforced.revision())
              + " (look again)");
    }
    var bad = unfit(to, keys);
    if (bad != null) {
      return new Step.Refused(bad);
    }
    return decidingBy(now -> now.rollback(change.at(), change.author(), change.note()))
        .and(
            life -> {
              var back = life.enforced();
              return back != null && back.revision().equals(to)
                  ? new Step.Taken(life)
                  : new Step.Refused(to + " is not what " + from + " followed (look again)");
            });
  }

  /** Adds an approval that an approver made for this workload. */
  Step approve(Approval approval, Keyring keys) {
    if (!approval.owner().equals(revisions.owner())) {
      return new Step.Refused(
          "the approval is for " + approval.owner() + " (expected: for " + revisions.owner() + ")");
    }
    if (!SignedBaseline.holds(approval, keys)) {
      return new Step.Refused(
          "the approval is not good: by '"
              + approval.signature().keyId()
              + "' (expected: signed as it is with the key of an approver)");
    }
    var all = new ArrayList<>(approvals);
    all.remove(approval);
    all.add(approval);
    var kept = all.subList(Math.max(0, all.size() - MAX_APPROVALS), all.size());
    return new Step.Taken(new Life(revisions, signed, kept, reopened, closed));
  }

  /** Edges that earlier enforced revisions had and this one has not; none that a person left. */
  List<Edge> gone() {
    return gone(revisions, entry -> !entry.leftByAPerson()).stream()
        .filter(edge -> !closed.contains(Granted.by(edge)))
        .toList();
  }

  /** Whether an edge is among {@link #gone()}, by what it covers. */
  boolean isGone(Edge edge) {
    return gone().stream().anyMatch(one -> Granted.by(one).equals(Granted.by(edge)));
  }

  private static List<Edge> gone(Revisions revisions, Predicate<Revisions.Entry> counts) {
    var here = new HashSet<Granted>();
    var enforced = revisions.in(RevisionState.ENFORCED);
    if (enforced != null) {
      enforced.baseline().edges().forEach(edge -> here.add(Granted.by(edge)));
    }
    var gone = new ArrayList<Edge>();
    for (var entry : revisions.entries()) {
      if (entry.state() == RevisionState.SUPERSEDED && entry.wasEnforced() && counts.test(entry)) {
        entry.baseline().edges().stream()
            .filter(edge -> here.add(Granted.by(edge)))
            .forEach(gone::add);
      }
    }
    return gone;
  }

  /**
   * The guard lets an edge pass again, once under a revision. Servers seal that by themselves, so
   * it may only be what once was approved, as it was, and for no longer than the guard's time.
   */
  Step reopen(String revision, Edge edge, Change change) {
    var enforced = enforced();
    if (enforced == null || !enforced.revision().equals(revision)) {
      return new Step.Refused(revision + " does not decide by now");
    }
    var until = edge.provenance().until();
    if (until == null || until.isAfter(change.at().plus(BlastRadiusGuard.REOPENED).plus(SKEW))) {
      return new Step.Refused(edge.words() + " would be reopened for more than an hour");
    }
    // looser than what a guard asks: logs have what servers reopened before, and have to fold
    var once = gone(revisions, entry -> !entry.isRolledBack());
    if (edge.strictness() != Strictness.CLASS
        || once.stream().noneMatch(before -> Granted.by(before).equals(Granted.by(edge)))) {
      return new Step.Refused(edge.words() + " was never approved, so nothing reopens it");
    }
    var all = new HashSet<>(reopened);
    return all.add(Granted.by(edge))
        ? new Step.Taken(new Life(revisions, signed, approvals, all, closed))
        : new Step.Refused(edge.words() + " was reopened under " + revision + " before");
  }

  private Step decidingBy(Function<Revisions, Revisions.Step> next) {
    return step(next)
        .and(
            life ->
                new Step.Taken(
                    new Life(life.revisions, life.signed, life.approvals, Set.of(), life.closed)));
  }

  private Step step(Function<Revisions, Revisions.Step> next) {
    return switch (next.apply(revisions)) {
      case Revisions.Step.Refused(var why) -> new Step.Refused(why);
      case Revisions.Step.Taken(var taken) ->
          new Step.Taken(new Life(taken, signed, approvals, reopened, closedBy(taken)).bounded());
    };
  }

  /**
   * What is closed after a step: with a revision that a person left by it, all that this one has. A
   * revision from before may have the same, and was not left.
   */
  private Set<Granted> closedBy(Revisions taken) {
    var all = new HashSet<>(closed);
    for (var entry : taken.entries()) {
      if (entry.leftByAPerson()
          && entry.state() == RevisionState.SUPERSEDED
          && !isSuperseded(entry.baseline().revision())) {
        entry.baseline().edges().forEach(edge -> all.add(Granted.by(edge)));
      }
    }
    if (!all.isEmpty()) { // of what decides, and of what no other has, there is nothing to say
      var gone = gone(taken, entry -> !entry.leftByAPerson());
      all.retainAll(gone.stream().map(Granted::by).collect(Collectors.toSet()));
    }
    return all;
  }

  private boolean isSuperseded(String revision) {
    var entry = revisions.of(revision);
    return entry != null && entry.state() == RevisionState.SUPERSEDED;
  }

  /** Without the oldest that were superseded; what a rollback needs first stays longest. */
  private Life bounded() {
    var kept = new ArrayList<Revisions.Entry>();
    var once = 0;
    var never = 0;
    var refused = 0;
    for (var entry : revisions.entries().reversed()) {
      if (entry.state() != RevisionState.SUPERSEDED
          || (entry.wasEnforced() ? once++ : entry.leftByAPerson() ? refused++ : never++) < KEPT) {
        kept.addFirst(entry);
      }
    }
    if (kept.size() == revisions.entries().size()) {
      return this;
    }
    var texts = new HashMap<>(signed);
    texts.keySet().retainAll(kept.stream().map(entry -> entry.baseline().revision()).toList());
    return new Life(new Revisions(revisions.owner(), kept), texts, approvals, reopened, closed);
  }
}
