package io.kith.baselines.decision;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.process.Candidate;
import java.time.Instant;

/**
 * What a new image digest may do for a while although its baseline is of another version.
 *
 * <p>Two things: a process that some edge allows reaches a plain service of the mesh as well, or a
 * program that moved within the image (another base image, another shell before it) does what it
 * did before. Such flows are flagged and the grace itself approves nothing.
 */
final class Grace {
  private Grace() {}

  static Verdict orElse(
      Verdict denied,
      Rules rules,
      Snapshot snapshot,
      Candidate candidate,
      Destination destination,
      Instant now) {
    var digest = candidate.fingerprint().imageDigest();
    var until = digest == null ? null : snapshot.circumstances().rollouts().get(digest);
    if (until == null || !now.isBefore(until)) {
      return denied;
    }
    var process = candidate.processClass();
    var edges = rules.edges().of(process);
    if (edges.stream().anyMatch(edge -> isFor(edge, snapshot, candidate, now))) {
      return Reach.isPlainMesh(destination) ? allow(candidate, destination, until) : denied;
    }
    for (var edge : rules.edges().ofMoved(process)) {
      if (edge.destination().covers(destination) && isFor(edge, snapshot, candidate, now)) {
        return allow(candidate, destination, until);
      }
    }
    return denied;
  }

  /** Whether the edge would allow this process, if it covered where it goes. */
  private static boolean isFor(Edge edge, Snapshot snapshot, Candidate candidate, Instant now) {
    return Decider.refused(edge, snapshot.origin(), candidate, now) == null;
  }

  private static Allow allow(Candidate candidate, Destination destination, Instant until) {
    return new Allow(
        Edge.inGrace(
            candidate.processClass(),
            DestinationPattern.Exact.of(destination),
            new Provenance.Grace("new version", until)));
  }
}
