package io.kith.server.control;

import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.change.Revisions;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearnedEdge;
import io.kith.baselines.learning.Proposal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Makes the revision that would follow, from what is there and what the learner knows. */
record Drafts(ServerKeys keys, Duration stale) {
  /** The newest revision and what the learner adds to it, without what people took away. */
  Proposal next(GovernedWorkload workload, Life life, Proposal learned, Instant now) {
    return next(workload, life, learned, Set.of(), now);
  }

  /** The same, without edges that nothing used for long. */
  Proposal withoutUnused(GovernedWorkload workload, Life life, Proposal learned, Instant now) {
    var unused =
        unused(workload, life, 2, now).stream().map(Unused::edge).collect(Collectors.toSet());
    return next(workload, life, learned, unused, now);
  }

  private static Proposal next(
      GovernedWorkload workload, Life life, Proposal learned, Set<Edge> unused, Instant now) {
    var edges = new ArrayList<Edge>();
    var newest = life.newest();
    if (newest != null) {
      newest.edges().stream()
          .filter(edge -> !workload.isTakenAway(edge, now) && !unused.contains(edge))
          .forEach(edges::add);
    }
    var base = List.copyOf(edges);
    var approved = new ArrayList<LearnedEdge>();
    var leftOut = new ArrayList<>(learned.leftOut());
    for (var edge : learned.approved()) {
      if (workload.isTakenAway(edge.edge(), now)) {
        leftOut.add(because(edge, EdgeState.QUARANTINED, "denied by hand"));
      } else if (unused.contains(edge.edge())) {
        leftOut.add(because(edge, EdgeState.STALE, "not used for long"));
      } else {
        approved.add(edge);
        if (base.stream().noneMatch(known -> has(known, edge.edge()))) {
          edges.add(edge.edge());
        }
      }
    }
    return new Proposal(follow(life, workload.owner(), edges), approved, leftOut);
  }

  private static LearnedEdge because(LearnedEdge edge, EdgeState state, String why) {
    return new LearnedEdge(edge.edge(), state, edge.process(), why, edge.evidence());
  }

  /** A stricter edge of the baseline is not loosened by seeing what it covers. */
  private static boolean has(Edge known, Edge learned) {
    return Life.Granted.by(known).equals(Life.Granted.by(learned));
  }

  /**
   * An edge that the workload did not use for long.
   *
   * @param last when it was last seen, or null when it never was
   */
  record Unused(Edge edge, @Nullable Instant last) {}

  /**
   * Edges of the newest revision that the workload did not use for so many times {@code
   * learning.stale}, by the time that it ran; in their order.
   */
  List<Unused> unused(GovernedWorkload workload, Life life, int times, Instant now) {
    var newest = life.newest();
    if (newest == null) {
      return List.of();
    }
    var learner = workload.learner();
    var seen = learner.unusedAt(now, times);
    var limit = stale.multipliedBy(times);
    var nothingFor = learner.idleSince(since(life, newest), now);
    var unused = new ArrayList<Unused>();
    for (var edge : newest.edges()) {
      var last = seen.get(Edge.learned(edge.process(), edge.destination()));
      if (last != null
          || (nothingFor.compareTo(limit) > 0 && learner.destinationsOf(edge).isEmpty())) {
        unused.add(new Unused(edge, last));
      }
    }
    return unused;
  }

  private static Instant since(Life life, Baseline newest) {
    var entry = life.revisions().of(newest.revision());
    return entry == null ? Instant.MAX : entry.since();
  }

  /** A revision of these edges that follows what is enforced; the newest when it has the same. */
  static Baseline follow(Life life, Owner owner, List<Edge> edges) {
    var enforced = life.enforced();
    var next = Baseline.of(owner, enforced == null ? null : enforced.revision(), edges);
    var newest = life.newest();
    return newest != null && newest.edges().equals(next.edges()) ? newest : next;
  }

  static boolean isNewest(Life life, Baseline next) {
    var newest = life.newest();
    return newest != null && newest.edges().equals(next.edges());
  }

  /** Whether a person rejected these very edges, or rolled back from them. */
  static boolean isRefused(Life life, Baseline next) {
    return life.revisions().entries().stream()
        .filter(entry -> entry.state() == RevisionState.SUPERSEDED)
        .filter(Revisions.Entry::leftByAPerson)
        .anyMatch(entry -> entry.baseline().edges().equals(next.edges()));
  }

  /** Null when the same edges decide or wait already. */
  Amendment.@Nullable Propose proposed(Life life, Baseline baseline) {
    return isNewest(life, baseline) ? null : proposed(baseline);
  }

  Amendment.Propose proposed(Baseline baseline) {
    return new Amendment.Propose(
        baseline.owner(), SignedBaseline.sign(baseline, keys.learner(), List.of()));
  }
}
