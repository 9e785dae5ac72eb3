package io.kith.server.control;

import io.kith.baselines.change.RevisionState;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.learning.LearnedEdge;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A workload as people are shown it.
 *
 * @param keptInMemory what is approved ends with the server
 */
record WorkloadView(GovernedWorkload workload, boolean keptInMemory, Instant now) {
  /** Rules by hand first, then what was seen, then what is approved and was not seen here. */
  List<KnownEdge> edges() {
    var acknowledged = workload.standing().acknowledged();
    var edges = new ArrayList<KnownEdge>();
    workload.byHand().forEach(edge -> edges.add(byHand(edge)));
    Set<String> seen = new HashSet<>();
    for (var edge : seen()) {
      seen.add(edge.edge().id());
      edges.add(edge);
    }
    for (var edge : workload.approved()) {
      if (!seen.contains(edge.id())) {
        edges.add(
            new KnownEdge(
                workload.owner(),
                edge,
                EdgeState.APPROVED,
                edge.process().words(),
                "in the baseline, not seen by this server",
                null,
                edge.provenance().until(),
                acknowledged.get(edge.id())));
      }
    }
    return edges;
  }

  private List<KnownEdge> seen() {
    var acknowledged = workload.standing().acknowledged();
    return workload.learning().seen().edges().stream()
        .map(
            learned ->
                KnownEdge.of(workload.owner(), learned)
                    .acknowledged(acknowledged.get(learned.edge().id())))
        .toList();
  }

  /** What waits for a person: of what was seen. */
  List<KnownEdge> review() {
    var enforced = workload.standing().life().enforced() != null;
    return seen().stream()
        .filter(
            edge ->
                switch (edge.state()) {
                  case QUARANTINED -> true;
                  // without a baseline the next one takes them
                  case OBSERVED, CANDIDATE -> enforced;
                  case APPROVED, INHERITED, STALE, TEMPORARY -> false;
                })
        .filter(edge -> edge.acknowledgement() == null)
        .filter(edge -> !workload.isTakenAway(edge.edge(), now))
        .filter(edge -> workload.byHand().stream().noneMatch(rule -> allows(rule, edge.edge())))
        .toList();
  }

  private boolean allows(Edge rule, Edge edge) {
    return GovernedWorkload.isCurrent(rule, now)
        && Life.Granted.by(rule).equals(Life.Granted.by(edge));
  }

  private KnownEdge byHand(Edge edge) {
    var rule = KnownEdge.byHand(workload.owner(), edge);
    return edge.provenance().endedAt(now)
        ? rule.because("ended at " + rule.expires() + ": " + rule.why())
        : rule;
  }

  WorkloadState state() {
    var learned = workload.learning().seen().edges();
    var byHand =
        workload.byHand().stream().filter(edge -> GovernedWorkload.isCurrent(edge, now)).count();
    return new WorkloadState(
        workload.owner(),
        workload.mode(),
        workload.modeFrom(),
        stage(),
        Math.toIntExact(workload.approved().size() + byHand),
        count(learned, EdgeState.CANDIDATE) + count(learned, EdgeState.OBSERVED),
        count(learned, EdgeState.QUARANTINED),
        waitsFor());
  }

  static int count(List<LearnedEdge> edges, EdgeState state) {
    return Math.toIntExact(edges.stream().filter(edge -> edge.state() == state).count());
  }

  WorkloadState.Stage stage() {
    var life = workload.standing().life();
    var waiting = life.waiting();
    if (waiting != null) {
      return waiting.state() == RevisionState.SHADOW
          ? WorkloadState.Stage.SHADOW
          : WorkloadState.Stage.PROPOSED;
    }
    return life.enforced() == null ? WorkloadState.Stage.LEARNING : WorkloadState.Stage.ENFORCED;
  }

  private List<String> waitsFor() {
    var life = workload.standing().life();
    var words = new ArrayList<String>();
    var problem = workload.problem();
    if (problem != null) {
      words.add(
          "its latest change to be compiled, which is tried again every few seconds and fails with"
              + " '"
              + problem
              + "' (the server's log has all of it); until then Checks under enforce are refused as"
              + " internal");
    }
    if (workload.asked() == Mode.ENFORCE && life.enforced() == null && workload.speaks()) {
      words.add(
          life.waiting() == null
              ? "a baseline, as mode enforce is set: in observe until then"
                  + (keptInMemory
                      ? " (baselines are kept in memory, so a restart begins learning anew)"
                      : "")
              : "kith mode "
                  + workload.owner()
                  + " enforce --note TEXT, which puts the proposed baseline in force");
    }
    var waiting = life.waiting();
    if (waiting != null && workload.asked() != Mode.ENFORCE) {
      words.add(
          "a person: "
              + waiting.by()
              + " brought "
              + waiting.baseline().revision()
              + " (kith diff "
              + workload.owner()
              + ", then kith mode, approve or reject)");
    }
    if (stage() == WorkloadState.Stage.LEARNING && workload.speaks()) {
      words.addAll(workload.learning().seen().waitsFor(now));
    }
    var dropped = workload.learning().seen().dropped();
    if (dropped > 0) {
      words.add(
          dropped + " connections were of more edges than are remembered (learning.maxEdges)");
    }
    if (workload.unread() > 0) {
      words.add(
          workload.unread()
              + " connections were not learned from, because the server had too much to do");
    }
    return words;
  }
}
