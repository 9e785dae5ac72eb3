package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/**
 * What an edge needs to be learned, and when learning ends.
 *
 * @param replicas how many replicas must show an edge, where there are that many
 * @param fraction share of the incarnations alive since it was first seen that must show it, 0 to 1
 * @param hours for a single replica: distinct hours in which it must be seen
 * @param span for a single replica: time between its first and last sight
 * @param minimum learning lasts at least this long
 * @param maximum after this a baseline is proposed with its backlog
 * @param maxEdges edges remembered per workload; more are counted and dropped
 */
public record LearningSettings(
    int replicas,
    double fraction,
    int hours,
    Duration span,
    Duration minimum,
    Duration maximum,
    int maxEdges) {
  public LearningSettings {
    requireNonNull(span, "span");
    requireNonNull(minimum, "minimum");
    requireNonNull(maximum, "maximum");
  }

  public static LearningSettings defaults() {
    return new LearningSettings(
        2, 0.25, 3, Duration.ofHours(6), Duration.ofHours(24), Duration.ofDays(14), 4_096);
  }
}
