package io.kith.baselines.learning;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.identity.IpAddress;

/** Patterns against destinations as they were written into a book. */
public final class Patterns {
  private Patterns() {}

  /** Whether what was seen belongs to the pattern. */
  public static boolean covers(DestinationPattern pattern, Exact exact) {
    return pattern.equals(exact)
        || pattern.covers(
            new Destination(
                exact.name(),
                exact.weakest(),
                exact.weakest() == Evidence.ADDRESS ? IpAddress.parse(exact.name()) : null,
                exact.port(),
                exact.protocol()));
  }
}
