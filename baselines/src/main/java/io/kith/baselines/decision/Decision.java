package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Provenance;
import io.kith.baselines.process.Candidate;
import org.jspecify.annotations.Nullable;

/**
 * What Kith answers to a flow, and what it would answer next.
 *
 * @param applied the verdict that the proxy gets
 * @param shadow the verdict of the next revision, or null when there is none
 * @param mode the mode it was decided under
 * @param revision baseline that decided, or null
 * @param subject the process that decided: the first that was denied, else the first; null when
 *     unattributed
 */
public record Decision(
    Verdict applied,
    @Nullable Verdict shadow,
    Mode mode,
    @Nullable String revision,
    @Nullable Candidate subject) {
  public Decision {
    requireNonNull(applied, "applied");
    requireNonNull(mode, "mode");
  }

  /** Allowed, and marked for a person: nobody approved it and a rollout explains it. */
  public boolean flagged() {
    return applied instanceof Verdict.Allow(var edge)
        && edge != null
        && edge.provenance() instanceof Provenance.Grace;
  }
}
