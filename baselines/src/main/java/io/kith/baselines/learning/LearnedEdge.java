package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;

/**
 * An edge with what the learner knows of it.
 *
 * @param process the process in words, unmasked, as it was last seen
 * @param why what made the state, or what it waits for
 */
public record LearnedEdge(
    Edge edge, EdgeState state, String process, String why, Evidence evidence) {
  public LearnedEdge {
    requireNonNull(edge, "edge");
    requireNonNull(state, "state");
    requireNonNull(process, "process");
    requireNonNull(why, "why");
    requireNonNull(evidence, "evidence");
  }
}
