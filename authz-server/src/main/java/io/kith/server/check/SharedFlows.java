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
  private static final int BITS = 10; // of a set of places
  private static final int PLACES = 4; // of a set, the latest flow first

  /*
   * Of a set the oldest makes room. With one place each, a fifth of the flows of three hundred pushed
   * another out again and again. Flows are records of final parts, so threads may race for a place: at
   * worst two connections do not share.
   */
  private final @Nullable Flow[] flows = new Flow[PLACES << BITS];

  /** A flow of these parts. Attributions are alike when they are the same object. */
  @SuppressWarnings("ReferenceEquality")
  Flow of(SpiffeId spiffeId, Attribution attribution, Resolved resolved) {
    var first = PLACES * set(attribution, resolved);
    for (var place = first; place < first + PLACES; place++) {
      var kept = flows[place];
      if (kept != null
          && kept.attribution() == attribution
          && kept.spiffeId().equals(spiffeId)
          && kept.resolved().equals(resolved)) {
        return kept;
      }
    }
    var flow = new Flow(spiffeId, attribution, resolved);
    System.arraycopy(flows, first, flows, first + 1, PLACES - 1);
    flows[first] = flow;
    return flow;
  }

  private static int set(Attribution attribution, Resolved resolved) {
    var destination = resolved.destination();
    var hash =
        31 * (31 * System.identityHashCode(attribution) + destination.name().hashCode())
            + destination.port();
    return (int) ((hash * SocketEnd.GOLDEN) >>> (Long.SIZE - BITS));
  }
}
