package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.process.Candidate;
import java.time.Instant;

/**
 * One connection, as the learner sees it.
 *
 * @param replica names the pod; two pods never share one
 */
public record Observation(
    Candidate process, Destination destination, String replica, Instant time) {
  public Observation {
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(replica, "replica");
    requireNonNull(time, "time");
  }
}
