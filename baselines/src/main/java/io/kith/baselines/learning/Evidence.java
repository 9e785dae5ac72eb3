package io.kith.baselines.learning;

import java.time.Duration;
import java.time.Instant;
import java.util.Set;

/**
 * How often, where and when an edge was seen.
 *
 * @param replicas pods that showed it, at most {@value #MAX_SET} of them
 * @param hours hours since the epoch in which it was seen, at most {@value #MAX_SET}
 */
public record Evidence(
    long connections, Instant first, Instant last, Set<String> replicas, Set<Long> hours) {
  static final int MAX_SET = 64;

  public Evidence {
    replicas = Set.copyOf(replicas);
    hours = Set.copyOf(hours);
  }

  /** Time between the first and the last sight. */
  Duration span() {
    return Duration.between(first, last);
  }
}
