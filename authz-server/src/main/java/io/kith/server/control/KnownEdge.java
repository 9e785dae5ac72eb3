package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.Evidence;
import io.kith.baselines.learning.LearnedEdge;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An edge of a workload as people are shown it.
 *
 * @param process the process in words
 * @param why what made the state, or what it waits for
 * @param evidence null for an edge by hand
 * @param expires when it ends, or null for never
 * @param acknowledgement who saw it, or null
 */
public record KnownEdge(
    Owner owner,
    Edge edge,
    EdgeState state,
    String process,
    String why,
    @Nullable Evidence evidence,
    @Nullable Instant expires,
    @Nullable Acknowledgement acknowledgement) {
  public KnownEdge {
    requireNonNull(owner, "owner");
    requireNonNull(edge, "edge");
    requireNonNull(state, "state");
    requireNonNull(process, "process");
    requireNonNull(why, "why");
  }

  /** An edge of the learner. */
  public static KnownEdge of(Owner owner, LearnedEdge learned) {
    return new KnownEdge(
        owner,
        learned.edge(),
        learned.state(),
        learned.process(),
        learned.why(),
        learned.evidence(),
        null,
        null);
  }

  /** A rule by hand that allows and has not ended. */
  static KnownEdge byHand(Owner owner, Edge edge) {
    if (!(edge.provenance() instanceof Provenance.ByHand(_, var note, var until))) {
      throw new IllegalArgumentException(
          edge.id() + " is " + edge.provenance().words() + " (expected: by hand)");
    }
    return new KnownEdge(
        owner,
        edge,
        until == null ? EdgeState.APPROVED : EdgeState.TEMPORARY,
        edge.process().words(),
        note,
        null,
        until,
        null);
  }

  KnownEdge because(String words) {
    return new KnownEdge(owner, edge, state, process, words, evidence, expires, acknowledgement);
  }

  KnownEdge acknowledged(@Nullable Acknowledgement by) {
    return new KnownEdge(owner, edge, state, process, why, evidence, expires, by);
  }
}
