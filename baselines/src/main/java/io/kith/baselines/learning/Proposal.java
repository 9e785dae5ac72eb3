package io.kith.baselines.learning;

import io.kith.baselines.edge.Baseline;
import java.util.List;

/**
 * A baseline that learning ended with, and what did not make it.
 *
 * @param leftOut edges that were seen and are not part of it, with why
 */
public record Proposal(Baseline baseline, List<LearnedEdge> approved, List<LearnedEdge> leftOut) {
  public Proposal {
    approved = List.copyOf(approved);
    leftOut = List.copyOf(leftOut);
  }
}
