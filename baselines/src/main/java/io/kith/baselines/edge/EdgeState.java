package io.kith.baselines.edge;

import java.util.Locale;

/** Life of an edge. */
public enum EdgeState {
  /** Seen, without the support it needs. */
  OBSERVED,
  /** Supported; waits for its baseline to be proposed. */
  CANDIDATE,
  /** Normal. */
  APPROVED,
  /** Approved for an earlier version and carried over. */
  INHERITED,
  /** Not seen for long. */
  STALE,
  /** Allowed until a time. */
  TEMPORARY,
  /** Seen, and never learnable by itself. */
  QUARANTINED;

  /** For logs and people. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
