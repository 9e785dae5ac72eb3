package io.kith.server.control;

import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearnedEdge;
import io.kith.baselines.learning.Proposal;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** How people move a baseline through its life. */
public final class BaselineVerbs {
  private static final int SHOWN = 5;

  private final Workloads workloads;
  private final Journal journal;
  private final ServerKeys keys;
  private final Drafts drafts;
  private final InstantSource clock;
  private final Consumer<AuditEntry> audit;

  BaselineVerbs(
      Workloads workloads,
      Journal journal,
      ServerKeys keys,
      Drafts drafts,
      InstantSource clock,
      Consumer<AuditEntry> audit) {
    this.workloads = workloads;
    this.journal = journal;
    this.keys = keys;
    this.drafts = drafts;
    this.clock = clock;
    this.audit = audit;
  }

  private interface Source {
    Proposal of(GovernedWorkload workload, Life life) throws RefusedException;
  }

  /**
   * Ends learning for a workload, as a tester says that the run is over, and proposes its baseline
   * by the learner's ordinary rules.
   *
   * @throws RefusedException when the workload is not known or there is nothing to propose
   */
  public Proposal finishTestRun(Owner owner, String note, String by) throws RefusedException {
    Notes.require(note, "why the test run is complete");
    return propose(
        owner,
        note,
        by,
        (workload, life) -> {
          requireSomethingLearned(workload);
          return drafts.next(
              workload,
              life,
              workload.learner().afterTestRun(workload.refused(clock.instant())),
              clock.instant());
        });
  }

  private static void requireSomethingLearned(GovernedWorkload workload) throws RefusedException {
    if (workload.learner().edges().stream()
        .allMatch(edge -> edge.state() == EdgeState.QUARANTINED)) {
      throw RefusedException.precondition(
          workload.owner()
              + " showed nothing that may be learned (run its traffic first; kith show "
              + workload.owner()
              + " lists what was seen and why it was left out)");
    }
  }

  /**
   * Proposes what has enough support by now, whether learning is complete or not, without what fell
   * out of use.
   *
   * @throws RefusedException when the workload was not seen yet, nothing of it has enough support,
   *     or nothing would change
   */
  public Proposal propose(Owner owner, String note, String by) throws RefusedException {
    Notes.require(note, "why it is proposed now");
    return propose(owner, note, by, this::supported);
  }

  private Proposal supported(GovernedWorkload workload, Life life) throws RefusedException {
    var learner = workload.learner();
    if (learner.startedAt() == null) {
      throw RefusedException.precondition(
          workload.owner() + " was not seen yet: no pod of it and no connection");
    }
    var now = clock.instant();
    var next = drafts.withoutUnused(workload, life, supportedAt(workload, now), now);
    if (next.baseline().edges().isEmpty() && !next.leftOut().isEmpty()) {
      throw RefusedException.precondition(nothingYet(workload, next));
    }
    if (Drafts.isNewest(life, next.baseline())) {
      throw RefusedException.precondition(
          "nothing would change: "
              + next.baseline().revision()
              + " has all that is supported by now"
              + waitingFor(next));
    }
    return next;
  }

  /** With what needs nobody's answer, though it was refused at first. */
  private static Proposal supportedAt(GovernedWorkload workload, Instant now) {
    var learner = workload.learner();
    var refused = workload.refused(now);
    var confirmed =
        learner.confirmedAt(now).stream().map(LearnedEdge::edge).collect(Collectors.toSet());
    return learner.supportedAt(now, edge -> refused.test(edge) && !confirmed.contains(edge));
  }

  private static String nothingYet(GovernedWorkload workload, Proposal next) {
    return "no edge of "
        + workload.owner()
        + " has enough support by now, and an empty baseline would deny all that it does"
        + waitingFor(next);
  }

  private static String waitingFor(Proposal next) {
    var waiting = next.leftOut();
    return waiting.isEmpty()
        ? ""
        : " (waiting: "
            + waiting.stream()
                .limit(SHOWN)
                .map(edge -> edge.edge().words() + ": " + edge.why())
                .collect(Collectors.joining("; "))
            + (waiting.size() > SHOWN ? "; and " + (waiting.size() - SHOWN) + " more" : "")
            + ")";
  }

  /** What {@link #propose} would propose now; the newest revision when nothing would change. */
  public Baseline draft(Owner owner) throws RefusedException {
    var workload = workloads.known(owner);
    var life = workload.standing().life();
    var now = clock.instant();
    return drafts.withoutUnused(workload, life, supportedAt(workload, now), now).baseline();
  }

  private Proposal propose(Owner owner, String note, String by, Source source)
      throws RefusedException {
    var workload = workloads.known(owner);
    var before = revisionOf(workload);
    var added =
        journal.add(
            by,
            note,
            fold -> {
              var life = fold.of(owner).life();
              var proposal = source.of(workload, life);
              return new Journal.Drafted<>(drafts.proposed(life, proposal.baseline()), proposal);
            });
    tell(added.changed(), "baseline", owner, by, note, before, added.result().baseline());
    return added.result();
  }

  private void tell(
      boolean changed,
      String change,
      Owner owner,
      String by,
      String note,
      String before,
      Baseline after) {
    if (changed) {
      audit.accept(new AuditEntry(change, owner.toString(), by, note, before, after.revision()));
    }
  }

  private static String revisionOf(GovernedWorkload workload) {
    var newest = workload.standing().life().newest();
    return newest == null ? "none" : newest.revision();
  }

  /**
   * Puts an approver's word behind a revision that waits or decides.
   *
   * @param revision its id or the word of its state; null for the newest
   * @param approval made by a client, or null to let the server sign where it may
   * @return the revision
   */
  public Baseline approve(
      Owner owner, @Nullable String revision, @Nullable Approval approval, String note, String by)
      throws RefusedException {
    Notes.require(note, "what was looked at");
    workloads.known(owner);
    var added =
        journal.add(
            by,
            note,
            fold -> {
              var life = fold.of(owner).life();
              var baseline = find(owner, life, revision);
              var word =
                  approval == null ? own(owner, life.unapproved(baseline, fold.keys())) : approval;
              return new Journal.Drafted<>(
                  word == null ? null : new Amendment.Approve(owner, word), baseline);
            });
    tell(added.changed(), "approve", owner, by, note, "waiting", added.result());
    return added.result();
  }

  /** Null when there is nothing to sign. */
  private @Nullable Approval own(Owner owner, List<Edge> edges) throws RefusedException {
    if (edges.isEmpty()) {
      return null;
    }
    var approver = keys.approver();
    if (approver == null) {
      throw RefusedException.precondition(
          edges.size()
              + " edges need the signature of an approver, and this server does not sign for them"
              + " (kith approve "
              + owner
              + " --key FILE)");
    }
    return SignedBaseline.approve(owner, edges, approver);
  }

  /**
   * Proposes the newest revision together with edges that wait for a person.
   *
   * @param edgeIds of {@link ControlState#edges}
   * @return the new revision; its edges that leave the mesh are signed where the server may sign
   */
  public Baseline approveEdges(Owner owner, Set<String> edgeIds, String note, String by)
      throws RefusedException {
    Notes.require(note, "what was looked at");
    var workload = workloads.known(owner);
    var before = revisionOf(workload);
    var added =
        journal.add(
            by,
            note,
            fold -> {
              var life = fold.of(owner).life();
              var newest = life.newest();
              var edges = new ArrayList<>(newest == null ? List.<Edge>of() : newest.edges());
              edges.addAll(picked(workload, edgeIds));
              var baseline = Drafts.follow(life, owner, edges);
              return new Journal.Drafted<>(
                  Drafts.isNewest(life, baseline) ? null : signedByWhoMay(baseline, fold),
                  baseline);
            });
    tell(added.changed(), "approve", owner, by, note, before, added.result());
    return added.result();
  }

  private Amendment.Propose signedByWhoMay(Baseline baseline, Fold fold) {
    var life = fold.of(baseline.owner()).life();
    var signed = SignedBaseline.sign(baseline, keys.learner(), life.approvals());
    var missing = signed.unapproved(baseline, fold.keys());
    var approver = keys.approver();
    var approvals =
        missing.isEmpty() || approver == null
            ? List.<Approval>of()
            : List.of(SignedBaseline.approve(baseline.owner(), missing, approver));
    return new Amendment.Propose(
        baseline.owner(), SignedBaseline.sign(baseline, keys.learner(), approvals));
  }

  private List<Edge> picked(GovernedWorkload workload, Set<String> ids) throws RefusedException {
    var now = clock.instant();
    var missing = new HashSet<>(ids);
    var picked = new ArrayList<Edge>();
    for (var learned : workload.learner().edges()) {
      var edge = learned.edge();
      if (!missing.remove(edge.id())) {
        continue;
      }
      if (workload.isTakenAway(edge, now)) {
        throw RefusedException.precondition(
            edge.words() + " is denied by hand (kith rules lists the rule that would win)");
      }
      picked.add(edge);
    }
    if (!missing.isEmpty()) {
      throw RefusedException.notFound(
          "edges "
              + missing.stream().sorted().toList()
              + " are not of "
              + workload.owner()
              + " (kith show "
              + workload.owner()
              + " lists them)");
    }
    return picked;
  }

  /**
   * A revision of a workload, as it is in the log.
   *
   * @param revision its id, or the word of its state; null for the newest
   */
  static Baseline find(Owner owner, Life life, @Nullable String revision) throws RefusedException {
    if (revision == null) {
      var newest = life.newest();
      if (newest == null) {
        throw RefusedException.notFound(
            owner + " has no revision yet (kith propose " + owner + " --note TEXT makes one)");
      }
      return newest;
    }
    for (var state : RevisionState.values()) {
      if (state.word().equals(revision)) {
        var latest = life.revisions().in(state);
        if (latest == null) {
          throw RefusedException.notFound(
              owner
                  + " has no revision that is "
                  + revision
                  + " (kith revisions "
                  + owner
                  + " lists them)");
        }
        return latest.baseline();
      }
    }
    var entry = life.revisions().of(revision);
    if (entry == null) {
      throw RefusedException.notFound(
          "'" + revision + "' is not a revision of " + owner + " (kith show lists them)");
    }
    return entry.baseline();
  }

  /**
   * Ends the life of a revision that is not enforced.
   *
   * @param revision its id or the word of its state; null for the newest that waits
   * @return the revision
   */
  public String reject(Owner owner, @Nullable String revision, String note, String by)
      throws RefusedException {
    Notes.require(note, "why it is rejected");
    workloads.known(owner);
    var rejected =
        journal
            .add(
                by,
                note,
                fold -> {
                  var id =
                      revision == null
                          ? waiting(owner, fold)
                          : find(owner, fold.of(owner).life(), revision).revision();
                  return new Journal.Drafted<>(new Amendment.Reject(owner, id), id);
                })
            .result();
    audit.accept(new AuditEntry("reject", owner.toString(), by, note, rejected, "superseded"));
    return rejected;
  }

  private static String waiting(Owner owner, Fold fold) throws RefusedException {
    var waiting = fold.of(owner).life().waiting();
    if (waiting == null) {
      throw RefusedException.precondition(owner + " has no revision that waits");
    }
    return waiting.baseline().revision();
  }

  /** The revisions of a rollback. */
  public record RolledBack(String from, String to) {}

  /** Enforces the revision before the enforced one again. */
  public RolledBack rollback(Owner owner, String note, String by) throws RefusedException {
    Notes.require(note, "why it is taken back");
    workloads.known(owner);
    var done =
        journal
            .add(
                by,
                note,
                fold -> {
                  var revisions = toRollBack(owner, fold);
                  return new Journal.Drafted<>(
                      new Amendment.Rollback(owner, revisions.from(), revisions.to()), revisions);
                })
            .result();
    audit.accept(new AuditEntry("rollback", owner.toString(), by, note, done.from(), done.to()));
    return done;
  }

  private static RolledBack toRollBack(Owner owner, Fold fold) throws RefusedException {
    var enforced = fold.of(owner).life().enforced();
    if (enforced == null) {
      throw RefusedException.precondition(
          owner + " has no revision that is enforced (nothing to roll back)");
    }
    var parent = enforced.parent();
    if (parent == null) {
      throw RefusedException.precondition(
          enforced.revision()
              + " is the first that was enforced (set the mode to observe or shadow instead)");
    }
    return new RolledBack(enforced.revision(), parent);
  }

  /**
   * Proposes baselines that came from another environment: all of them, or after a refusal none.
   *
   * @param arrived of distinct owners
   * @return the revisions, in the same order
   */
  List<String> arrive(List<Baseline> arrived, String note, String by) throws RefusedException {
    // once, however often others are first
    var signed = new ConcurrentHashMap<String, Amendment.Propose>();
    var arrivals =
        journal
            .add(
                by,
                note,
                fold -> {
                  var all = new ArrayList<Arrival>();
                  for (var one : arrived) {
                    var life = fold.of(one.owner()).life();
                    var next = Drafts.follow(life, one.owner(), one.edges());
                    all.add(new Arrival(next, !Drafts.isNewest(life, next)));
                  }
                  return new Journal.Drafted<>(
                      all.parallelStream()
                          .filter(Arrival::isNew)
                          .map(Arrival::baseline)
                          .map(
                              next ->
                                  signed.computeIfAbsent(
                                      next.revision(), _ -> drafts.proposed(next)))
                          .toList(),
                      all);
                })
            .result();
    for (var arrival : arrivals) {
      var next = arrival.baseline();
      tell(arrival.isNew(), "baseline", next.owner(), by, note, "imported", next);
    }
    return arrivals.stream().map(arrival -> arrival.baseline().revision()).toList();
  }

  /**
   * A baseline that came, as it follows what is here.
   *
   * @param isNew false when the same edges decide or wait already
   */
  private record Arrival(Baseline baseline, boolean isNew) {}
}
