package io.kith.server.control;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.LearnedEdge;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.learning.Proposal;
import io.kith.baselines.process.Origin;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * One workload's mode, baselines and rules, and the snapshot compiled from them.
 *
 * <p>Thread-safe; reading the snapshot takes no lock.
 */
final class GovernedWorkload {
  /** Ended rules stay this long, so that the reason of a denial is that they ended. */
  static final Duration KEPT_AFTER_END = Duration.ofHours(24);

  static final int MAX_RULES = 1_000;

  private final Owner owner;
  private final boolean speaks;
  private final Origin origin;
  private final Learner learner;
  private final Refusals refusals = new Refusals();
  private final LongAdder unread = new LongAdder();
  private List<Edge> byHand = List.of();
  private Mode asked = Mode.OBSERVE;
  private boolean unattributedAllowed;
  private @Nullable Baseline enforced;
  private @Nullable Baseline proposed;
  private volatile Snapshot snapshot = Snapshot.observing();

  GovernedWorkload(Workload workload, LearningSettings learning) {
    this.owner = workload.owner();
    this.speaks = !workload.spiffeIds().isEmpty();
    this.origin = workload.onHost() ? Origin.HOST : Origin.IMAGE;
    this.learner = new Learner(owner, origin, learning);
  }

  Owner owner() {
    return owner;
  }

  Snapshot snapshot() {
    return snapshot;
  }

  /** Whether it has an identity to speak with, and so something to learn. */
  boolean speaks() {
    return speaks;
  }

  synchronized void govern(Modes modes) {
    asked = modes.of(owner);
    unattributedAllowed = modes.unattributedAllowed(owner);
    compile();
  }

  /** Under enforce the enforced baseline decides; without one the workload stays in observe. */
  private void compile() {
    var mode = asked == Mode.ENFORCE && enforced == null ? Mode.OBSERVE : asked;
    snapshot = new Snapshot(mode, unattributedAllowed, origin, rules(enforced), rules(proposed));
  }

  private @Nullable Rules rules(@Nullable Baseline baseline) {
    return baseline == null ? null : Rules.of(baseline, byHand);
  }

  /** Whether there is a baseline that enforce could decide by. */
  synchronized boolean canEnforce() {
    return proposed != null || enforced != null;
  }

  /** Makes the proposed baseline, if there is one, the enforced one. */
  synchronized void enforceProposed() {
    if (proposed != null) {
      enforced = proposed;
      proposed = null;
      compile();
    }
  }

  /**
   * Learns from a connection.
   *
   * @param passed it was not refused
   */
  void observe(Observation seen, boolean passed) {
    learner.observe(seen);
    refusals.note(seen.process().processClass(), seen.destination(), passed);
  }

  /** Counts an answer that nobody had time to learn from. */
  void missed() {
    unread.increment();
  }

  /** Proposes what was learned, or nothing when all of it is quarantined. */
  synchronized @Nullable Proposal finishTestRun() {
    if (learner.edges().stream().allMatch(edge -> edge.state() == EdgeState.QUARANTINED)) {
      return null;
    }
    var proposal = learner.finishTestRun(refusals::include);
    proposed = proposal.baseline();
    compile();
    return proposal;
  }

  /** Content address of the baseline that decides or would decide next, or {@code none}. */
  synchronized String revision() {
    if (proposed != null) {
      return proposed.revision();
    }
    return enforced == null ? "none" : enforced.revision();
  }

  /** Adds a rule, or refuses because there are too many. */
  synchronized boolean allow(Edge edge, Instant now) {
    prune(now);
    if (byHand.size() >= MAX_RULES) {
      return false;
    }
    var rules = new ArrayList<>(byHand);
    rules.add(edge);
    byHand = List.copyOf(rules);
    compile();
    return true;
  }

  /** Forgets rules that ended long ago. */
  synchronized void prune(Instant now) {
    if (byHand.isEmpty()) {
      return;
    }
    var kept =
        byHand.stream()
            .filter(edge -> !edge.provenance().endedAt(now.minus(KEPT_AFTER_END)))
            .toList();
    if (kept.size() != byHand.size()) {
      byHand = kept;
      compile();
    }
  }

  synchronized List<KnownEdge> edges(Instant now) {
    var edges = new ArrayList<KnownEdge>();
    byHand.forEach(edge -> edges.add(byHand(edge, now)));
    learner.edges().forEach(edge -> edges.add(KnownEdge.of(owner, edge)));
    return edges;
  }

  private KnownEdge byHand(Edge edge, Instant now) {
    if (!(edge.provenance() instanceof Provenance.ByHand(_, var note, var until))) {
      throw new IllegalStateException("a rule by hand is " + edge.provenance());
    }
    return new KnownEdge(
        owner,
        edge,
        until == null ? EdgeState.APPROVED : EdgeState.TEMPORARY,
        edge.process().words(),
        edge.provenance().endedAt(now) ? "ended at " + until + ": " + note : note,
        null,
        until);
  }

  synchronized WorkloadState state(Instant now) {
    var learned = learner.edges();
    return new WorkloadState(
        owner,
        snapshot.mode(),
        stage(),
        count(learned, EdgeState.APPROVED)
            + Math.toIntExact(
                byHand.stream().filter(edge -> !edge.provenance().endedAt(now)).count()),
        count(learned, EdgeState.CANDIDATE) + count(learned, EdgeState.OBSERVED),
        count(learned, EdgeState.QUARANTINED),
        waitsFor(now));
  }

  private static int count(List<LearnedEdge> edges, EdgeState state) {
    return Math.toIntExact(edges.stream().filter(edge -> edge.state() == state).count());
  }

  private WorkloadState.Stage stage() {
    if (proposed != null) {
      return WorkloadState.Stage.PROPOSED;
    }
    return enforced == null ? WorkloadState.Stage.LEARNING : WorkloadState.Stage.ENFORCED;
  }

  private List<String> waitsFor(Instant now) {
    var words = new ArrayList<String>();
    if (asked == Mode.ENFORCE && enforced == null && speaks) {
      words.add(
          proposed == null
              ? "a baseline, as mode enforce is set: in observe until then (baselines are kept in"
                  + " memory, so a restart begins learning anew)"
              : "kith mode "
                  + owner
                  + " enforce --note TEXT, which puts the proposed baseline in force");
    }
    if (stage() == WorkloadState.Stage.LEARNING && speaks) {
      words.addAll(learner.waitsFor(now));
    }
    if (learner.dropped() > 0) {
      words.add(
          learner.dropped()
              + " connections were of more edges than are remembered (learning.maxEdges)");
    }
    if (unread.sum() > 0) {
      words.add(
          unread.sum()
              + " connections were not learned from, because the server had too much to do");
    }
    return words;
  }
}
