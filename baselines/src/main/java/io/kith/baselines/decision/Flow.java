package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;

/**
 * A connection or request to be decided: workload, process, destination.
 *
 * @param spiffeId what the workload's proxy proved to be
 * @param resolved the destination, and what the client said otherwise
 */
public record Flow(SpiffeId spiffeId, Attribution attribution, DestinationFacts.Resolved resolved) {
  public Flow {
    requireNonNull(spiffeId, "spiffeId");
    requireNonNull(attribution, "attribution");
    requireNonNull(resolved, "resolved");
  }
}
