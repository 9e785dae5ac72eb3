package io.kith.server.check;

import io.kith.baselines.decision.Flow;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import org.jspecify.annotations.Nullable;

/**
 * Flows that were decided lately, so that connections that are alike share one and what remembers a
 * hundred thousand of them is small. Thread-safe.
 */
final class SharedFlows {
  private static final int BITS = 10; // of a place

  /*
   * Whoever comes later takes the place of another. Flows are records of final parts, so threads may
   * race for a place: at worst two connections do not share.
   */
  private final @Nullable Flow[] flows = new Flow[1 << BITS];

  /** A flow of these parts. Attributions are alike when they are the same object. */
  @SuppressWarnings("ReferenceEquality")
  Flow of(SpiffeId spiffeId, Attribution attribution, Resolved resolved) {
    var place = place(attribution, resolved);
    var kept = flows[place];
    if (kept != null
        && kept.attribution() == attribution
        && kept.spiffeId().equals(spiffeId)
        && kept.resolved().equals(resolved)) {
      return kept;
    }
    var flow = new Flow(spiffeId, attribution, resolved);
    flows[place] = flow;
    return flow;
  }

  private static int place(Attribution attribution, Resolved resolved) {
    var destination = resolved.destination();
    var hash =
        31 * (31 * System.identityHashCode(attribution) + destination.name().hashCode())
            + destination.port();
    return (int) ((hash * SocketEnd.GOLDEN) >>> (Long.SIZE - BITS));
  }
}
