package io.kith.server.control;

import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearnedState;
import io.kith.baselines.process.ProcessClass;
import io.kith.server.check.CheckRecord;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** How people allow, deny, quarantine and acknowledge by hand. */
public final class RuleVerbs {
  private static final Duration MAX_TTL = Duration.ofDays(3_650);

  private final Workloads workloads;
  private final DecisionLog decisions;
  private final Journal journal;
  private final ServerKeys keys;
  private final InstantSource clock;
  private final Consumer<AuditEntry> audit;

  RuleVerbs(
      Workloads workloads,
      DecisionLog decisions,
      Journal journal,
      ServerKeys keys,
      InstantSource clock,
      Consumer<AuditEntry> audit) {
    this.workloads = workloads;
    this.decisions = decisions;
    this.journal = journal;
    this.keys = keys;
    this.clock = clock;
    this.audit = audit;
  }

  /**
   * When a rule ends.
   *
   * @param ttl how long it holds from now on, or null for ever
   */
  public @Nullable Instant until(@Nullable Duration ttl) throws RefusedException {
    if (ttl == null) {
      return null;
    }
    if (!ttl.isPositive() || ttl.compareTo(MAX_TTL) > 0) {
      throw RefusedException.invalid(
          "ttl: " + ttl + " (expected: more than nothing and at most 3650 days)");
    }
    return clock.instant().plus(ttl);
  }

  /** The edge that would allow a decision; nothing is changed. */
  public KnownEdge prepare(
      Owner owner, String decisionId, @Nullable Instant until, String note, String by)
      throws RefusedException {
    Notes.require(note, "why this is allowed");
    return known(owner, allowing(owner, decisionId, until, note, by).edge());
  }

  /**
   * An edge that allows a decision.
   *
   * @param verdict of the decision, which may be pushed out when the edge is in force
   */
  private record Allowing(Edge edge, String verdict) {}

  private Allowing allowing(
      Owner owner, String decisionId, @Nullable Instant until, String note, String by)
      throws RefusedException {
    var workload = workloads.known(owner);
    var answered = decision(owner, decisionId);
    var now = clock.instant();
    if (until != null && (!until.isAfter(now) || until.isAfter(now.plus(MAX_TTL)))) {
      throw RefusedException.invalid(
          "until: " + until + " (expected: to come, and within 3650 days)");
    }
    return new Allowing(
        RuleFromDecision.of(
            owner, workload.origin(), answered, new Provenance.ByHand(by, note, until), now),
        answered.decision().applied().word());
  }

  private static KnownEdge known(Owner owner, Edge edge) {
    return KnownEdge.byHand(owner, edge);
  }

  /**
   * Allows the process and destination of a decision from now on.
   *
   * @param until when it ends, or null for never
   * @param approval an approver's signature over it, or null
   * @throws RefusedException when the decision is not known, is of another workload, cannot be
   *     allowed by a rule, or needs an approver
   */
  public KnownEdge allow(
      Owner owner,
      String decisionId,
      @Nullable Instant until,
      @Nullable Approval approval,
      String note,
      String by)
      throws RefusedException {
    Notes.require(note, "why this is allowed");
    var allowing =
        journal
            .add(
                by,
                note,
                fold -> {
                  var made = allowing(owner, decisionId, until, note, by);
                  requireNoOther(owner, fold, Rule.Action.ALLOW, made.edge());
                  return new Journal.Drafted<>(
                      new Amendment.Allow(
                          owner,
                          made.edge(),
                          approval == null ? own(owner, made.edge()) : approval),
                      made);
                })
            .result();
    var edge = allowing.edge();
    audit.accept(
        new AuditEntry(
            "allow",
            owner.toString(),
            by,
            note,
            allowing.verdict() + " " + decisionId,
            edge.id() + " " + edge.words() + (until == null ? "" : " until " + until)));
    return known(owner, edge);
  }

  private @Nullable Approval own(Owner owner, Edge edge) throws RefusedException {
    if (!Standing.leavesTheMesh(edge)) {
      return null;
    }
    var approver = keys.approver();
    if (approver == null) {
      throw RefusedException.precondition(
          edge.words()
              + " leaves the mesh, and an approver has to sign that (kith allow --key FILE)");
    }
    return SignedBaseline.approve(owner, java.util.List.of(edge), approver);
  }

  /** Denies what an edge covers. */
  public Rule deny(Owner owner, Target target, @Nullable Instant until, String note, String by)
      throws RefusedException {
    Notes.require(note, "why this is denied");
    return rule(
        owner,
        note,
        by,
        Rule.Action.DENY,
        () -> taken(covered(owner, target), new Provenance.ByHand(by, note, until)));
  }

  /**
   * Denies an edge, or the whole process class, and keeps it from being learned.
   *
   * @param edgeId of {@link ControlState#edges}
   * @param until when it ends, or null for never
   */
  public Rule quarantine(
      Owner owner,
      String edgeId,
      boolean wholeProcess,
      @Nullable Instant until,
      String note,
      String by)
      throws RefusedException {
    Notes.require(note, "why this is quarantined");
    return rule(
        owner,
        note,
        by,
        Rule.Action.QUARANTINE,
        () -> {
          var edge = covered(owner, new Target.OfEdge(edgeId));
          return taken(
              wholeProcess ? AmendmentJson.everywhere(edge.process()) : edge,
              new Provenance.ByHand(by, note, until));
        });
  }

  private interface Maker {
    Edge make() throws RefusedException;
  }

  private Rule rule(Owner owner, String note, String by, Rule.Action action, Maker maker)
      throws RefusedException {
    var edge =
        journal
            .add(
                by,
                note,
                fold -> {
                  var made = maker.make();
                  requireNoOther(owner, fold, action, made);
                  return new Journal.Drafted<>(
                      action == Rule.Action.DENY
                          ? new Amendment.Deny(owner, made)
                          : new Amendment.Quarantine(owner, made),
                      made);
                })
            .result();
    audit.accept(
        new AuditEntry(
            action.word(), owner.toString(), by, note, "none", edge.id() + " " + edge.words()));
    return Rule.byHand(owner, action, edge);
  }

  /** The id of a rule says nothing of its action, and what is taken back is named by it. */
  private static void requireNoOther(Owner owner, Fold fold, Rule.Action action, Edge made)
      throws RefusedException {
    var there = Rule.find(owner, fold.of(owner), made.id());
    if (there != null && there.action() != action) {
      throw RefusedException.precondition(
          "rule "
              + there.id()
              + " is there already: "
              + there.action().word()
              + " "
              + made.words()
              + ", by "
              + there.by()
              + " with the same note (change the note: kith remove would take both back)");
    }
  }

  /** What a rule is about. */
  public sealed interface Target {
    /** An edge of {@link ControlState#edges}. */
    record OfEdge(String id) implements Target {}

    /** The process and destination of a decision. */
    record OfDecision(String id) implements Target {}
  }

  private Edge covered(Owner owner, Target target) throws RefusedException {
    var workload = workloads.known(owner);
    return switch (target) {
      case Target.OfEdge(var id) ->
          new WorkloadView(workload, false, clock.instant())
              .edges().stream()
                  .map(KnownEdge::edge)
                  .filter(edge -> edge.id().equals(id))
                  .findFirst()
                  .orElseThrow(() -> unknownEdge(owner, id));
      case Target.OfDecision(var id) -> {
        var answered = decision(owner, id);
        var process = answered.decision().subject();
        var flow = answered.flow();
        if (process == null || flow == null || process.fingerprint().path().isEmpty()) {
          throw RefusedException.precondition(
              "decision "
                  + id
                  + " has no known process and destination to deny (deny the destination for every"
                  + " process in an allow-list)");
        }
        yield Edge.learned(
            process.processClass(), DestinationPattern.Exact.of(flow.resolved().destination()));
      }
    };
  }

  private static RefusedException unknownEdge(Owner owner, String id) {
    return RefusedException.notFound(
        "edge '" + id + "' is not of " + owner + " (kith show " + owner + " lists them)");
  }

  private static Edge taken(Edge edge, Provenance.ByHand by) {
    return Edge.byHand(edge.process(), edge.destination(), null, null, by);
  }

  /** Takes a rule by hand back. */
  public Rule remove(Owner owner, String id, String note, String by) throws RefusedException {
    Notes.require(note, "why the rule is taken back");
    var rule =
        journal
            .add(
                by,
                note,
                fold ->
                    new Journal.Drafted<>(
                        new Amendment.Remove(owner, id), ofByHand(owner, fold, id)))
            .result();
    audit.accept(
        new AuditEntry(
            "remove", owner.toString(), by, note, rule.action().word() + " " + id, "none"));
    return rule;
  }

  private Rule ofByHand(Owner owner, Fold fold, String id) throws RefusedException {
    var workload = workloads.known(owner);
    var rule = Rule.find(owner, fold.of(owner), id);
    if (rule != null && !rule.isPast(clock.instant())) {
      return rule;
    }
    throw workload.isOfAFile(id)
        ? RefusedException.precondition(
            "rule " + id + " is of an allow-list (change its file or object; kith rules names it)")
        : RefusedException.notFound(
            "rule '" + id + "' is not one by hand of " + owner + " (see kith show)");
  }

  /** Says that an edge or a decision was seen. */
  public void acknowledge(Owner owner, String id, String note, String by) throws RefusedException {
    Notes.require(note, "what was found");
    journal.add(
        by,
        note,
        _ -> {
          if (id.startsWith("d:")) {
            decision(owner, id);
          } else {
            covered(owner, new Target.OfEdge(id));
          }
          return new Journal.Drafted<>(new Amendment.Ack(owner, id), id);
        });
    audit.accept(new AuditEntry("ack", owner.toString(), by, note, "waiting", id));
  }

  /**
   * Forgets what was learned.
   *
   * @param edgeId an edge whose process class is forgotten, or null for everything
   */
  public void relearn(Owner owner, @Nullable String edgeId, String note, String by)
      throws RefusedException {
    Notes.require(note, "why learning begins anew");
    journal.add(
        by,
        note,
        _ -> {
          workloads.known(owner);
          ProcessClass process =
              edgeId == null ? null : covered(owner, new Target.OfEdge(edgeId)).process();
          return new Journal.Drafted<>(new Amendment.Relearn(owner, process), owner);
        });
    audit.accept(
        new AuditEntry(
            "relearn", owner.toString(), by, note, "learned", edgeId == null ? "nothing" : edgeId));
  }

  /**
   * Why this cannot be something that a server learned of a workload, or null. Of an epoch that
   * ended it may be: a server follows the log a moment late.
   */
  public @Nullable String unlearnable(Plain plain) {
    var part = plain.part();
    var now = journal.standing(part.owner()).relearned();
    if (plain.epoch() < 0 || plain.epoch() > now) {
      return "learned part of "
          + part.owner()
          + ": epoch "
          + plain.epoch()
          + " (expected: up to "
          + now
          + ", as the log says; it is tried again)";
    }
    try {
      LearnedState.check(part);
      return null;
    } catch (IllegalArgumentException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private CheckRecord decision(Owner owner, String decisionId) throws RefusedException {
    var answered = decisions.find(decisionId);
    if (answered == null) {
      throw RefusedException.notFound(
          "decision '"
              + decisionId
              + "' is not among the latest (kith decisions --denied lists them)");
    }
    var workload = answered.workload();
    if (workload == null || !workload.owner().equals(owner)) {
      throw RefusedException.notFound(
          "decision "
              + decisionId
              + " is not of "
              + owner
              + " but of "
              + (workload == null ? "nobody's workload" : workload.owner()));
    }
    return answered;
  }
}
