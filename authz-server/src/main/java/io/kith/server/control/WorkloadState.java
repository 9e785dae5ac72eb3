package io.kith.server.control;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import java.util.List;
import java.util.Locale;

/**
 * Where a workload stands.
 *
 * @param mode what is applied now
 * @param modeFrom what sets the mode that is asked for, in words
 * @param candidateEdges seen and not refused to be learned, but not in the baseline
 * @param waitsFor what is missing, in words; empty when nothing is
 */
public record WorkloadState(
    Owner owner,
    Mode mode,
    String modeFrom,
    Stage stage,
    int approvedEdges,
    int candidateEdges,
    int quarantinedEdges,
    List<String> waitsFor) {
  public WorkloadState {
    waitsFor = List.copyOf(waitsFor);
  }

  /** Life of the workload's baseline. */
  public enum Stage {
    /** There is none yet. */
    LEARNING,
    /** One waits to be enforced. */
    PROPOSED,
    /** One waits to be enforced, and gives the second verdict meanwhile. */
    SHADOW,
    /** The latest one was enforced. */
    ENFORCED;

    /** For logs and people. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
