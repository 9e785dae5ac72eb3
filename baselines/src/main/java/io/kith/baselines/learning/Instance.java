package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A pod, from its start to its end, as an orchestrator knows it without any traffic.
 *
 * @param replica names the pod
 * @param stop when it ended, or null while it runs
 * @param digest of its image, or null
 * @param job it is a run that ends by itself
 */
public record Instance(
    String replica, Instant start, @Nullable Instant stop, @Nullable String digest, boolean job) {
  public Instance {
    requireNonNull(replica, "replica");
    requireNonNull(start, "start");
  }

  /** The same instance, of which somebody says now that it runs. */
  Instance running(Instance told) {
    return new Instance(
        replica,
        start.isBefore(told.start) ? start : told.start,
        null,
        told.digest == null ? digest : told.digest,
        job || told.job);
  }

  /** The same instance by what two sources know of it. */
  Instance merge(Instance other) {
    return new Instance(
        replica,
        start.isBefore(other.start) ? start : other.start,
        stop == null
            ? other.stop
            : other.stop == null || stop.isAfter(other.stop) ? stop : other.stop,
        digest == null
            ? other.digest
            : other.digest == null || digest.compareTo(other.digest) <= 0 ? digest : other.digest,
        job || other.job);
  }
}
