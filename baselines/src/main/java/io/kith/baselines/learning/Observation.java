package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.process.Candidate;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One connection, as the learner sees it.
 *
 * @param replica names the pod; two pods never share one
 * @param started when the pod started, or null when that is not known
 */
public record Observation(
    Candidate process,
    Destination destination,
    String replica,
    Instant time,
    @Nullable Instant started) {
  public Observation {
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(replica, "replica");
    requireNonNull(time, "time");
  }

  public Observation(Candidate process, Destination destination, String replica, Instant time) {
    this(process, destination, replica, time, null);
  }
}
