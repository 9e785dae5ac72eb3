package io.kith.baselines.change;

import java.util.Locale;

/**
 * Life of a revision: {@code draft → proposed → shadow → enforced → superseded}.
 *
 * <p>A draft, a proposal and a revision in shadow may be superseded too, when a later one takes
 * their place or a person rejects them.
 */
public enum RevisionState {
  /** Grows while the workload is watched. */
  DRAFT,
  /** Waits for a person. */
  PROPOSED,
  /** Gives the second verdict of every decision. */
  SHADOW,
  /** Decides. */
  ENFORCED,
  /** Has been replaced or rejected; kept for rollback. */
  SUPERSEDED;

  /** For logs and people. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
