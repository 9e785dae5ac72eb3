package io.kith.server.control;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * What a workload tried and was refused, so that a later test run does not approve it. Thread-safe.
 *
 * <p>Bounded: when there is too much to remember, everything that is new counts as refused.
 */
final class Refusals {
  private static final int MAX_REMEMBERED = 4_096;

  private Set<Refusal> remembered = Set.of();
  private boolean tooMany;

  private record Refusal(ProcessClass process, Destination destination) {}

  /** Takes note of a connection; what passes later is no longer refused. */
  synchronized void note(ProcessClass process, Destination destination, boolean passed) {
    var refusal = new Refusal(process, destination);
    if (remembered.isEmpty()) {
      if (passed) {
        return;
      }
      remembered = new LinkedHashSet<>();
    }
    if (passed) {
      remembered.remove(refusal);
    } else if (remembered.size() < MAX_REMEMBERED) {
      remembered.add(refusal);
    } else {
      tooMany |= !remembered.contains(refusal);
    }
  }

  /** Whether the edge would allow something that was refused. */
  synchronized boolean include(Edge edge) {
    return tooMany
        || remembered.stream()
            .anyMatch(
                refusal ->
                    refusal.process().equals(edge.process())
                        && edge.destination().covers(refusal.destination()));
  }
}
