package io.kith.baselines.replay;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * One line of an inventory: when a pod ran.
 *
 * @param start seconds since the epoch
 * @param stop the same, or null while it runs
 * @param kind {@code deployment}, {@code statefulset}, {@code daemonset} or {@code job}
 */
public record InstanceRecord(
    double start,
    @Nullable Double stop,
    String app,
    String workload,
    @Nullable String digest,
    String replica,
    @Nullable String ip,
    String kind) {
  public InstanceRecord {
    if (!Double.isFinite(start)
        || Math.abs(start) > 1e11
        || (stop != null && (!Double.isFinite(stop) || Math.abs(stop) > 1e11))) {
      throw new IllegalArgumentException(
          "start: " + start + ", stop: " + stop + " (expected: seconds since the epoch)");
    }
    requireNonNull(app, "app");
    requireNonNull(workload, "workload");
    requireNonNull(replica, "replica");
    requireNonNull(kind, "kind");
  }
}
