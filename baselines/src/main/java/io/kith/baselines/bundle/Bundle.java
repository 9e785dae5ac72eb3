package io.kith.baselines.bundle;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Baseline;
import java.time.Instant;
import java.util.List;

/**
 * Baselines of one environment for another.
 *
 * @param environment where they were learned
 * @param createdAt to the second
 * @param expiresAt after this it is refused
 * @param baselines destinations of the mesh without environment; at least one, of distinct owners
 */
public record Bundle(
    String environment, Instant createdAt, Instant expiresAt, List<Baseline> baselines) {
  public Bundle {
    requireNonNull(environment, "environment");
    baselines = List.copyOf(baselines);
    if (baselines.isEmpty()) {
      throw new IllegalArgumentException("baselines: none (expected: one or more)");
    }
    if (baselines.stream().map(Baseline::owner).distinct().count() != baselines.size()) {
      throw new IllegalArgumentException("baselines: two of one owner (expected: one of each)");
    }
    if (!createdAt.isBefore(expiresAt)) {
      throw new IllegalArgumentException(
          "expiresAt: " + expiresAt + " (expected: after " + createdAt + ")");
    }
  }
}
