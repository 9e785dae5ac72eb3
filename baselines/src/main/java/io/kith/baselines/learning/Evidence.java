package io.kith.baselines.learning;

import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;

/**
 * How often, where and when an edge was seen.
 *
 * <p>Merges commutatively: sums, extremes and unions. Several servers may learn apart and be merged
 * in any order.
 *
 * @param replicas pods that showed it, at most {@value #MAX_SET}
 * @param hours hours since the epoch in which it was seen, at most {@value #MAX_SET}
 */
public record Evidence(
    long connections, Instant first, Instant last, Set<String> replicas, Set<Long> hours) {
  static final int MAX_SET = 64;

  public Evidence {
    replicas = Set.copyOf(replicas);
    hours = Set.copyOf(hours);
  }

  static Evidence of(Observation seen) {
    var hour = Math.floorDiv(seen.time().getEpochSecond(), 3_600L);
    return new Evidence(1, seen.time(), seen.time(), Set.of(seen.replica()), Set.of(hour));
  }

  Evidence merge(Evidence other) {
    return new Evidence(
        connections + other.connections,
        first.isBefore(other.first) ? first : other.first,
        last.isAfter(other.last) ? last : other.last,
        union(replicas, other.replicas),
        union(hours, other.hours));
  }

  /** Time between the first and the last sight. */
  Duration span() {
    return Duration.between(first, last);
  }

  /* The smallest elements stay, so that the order of merging does not matter. */
  private static <T extends Comparable<T>> Set<T> union(Set<T> one, Set<T> other) {
    if (one.containsAll(other)) {
      return one;
    }
    var union = new HashSet<>(one);
    union.addAll(other);
    return union.size() <= MAX_SET
        ? union
        : new HashSet<>(union.stream().sorted().limit(MAX_SET).toList());
  }
}
