package io.kith.server.admin;

import io.kith.admin.v1.DecisionRecord;
import java.util.LinkedHashSet;
import java.util.SequencedSet;

/**
 * Edges that somebody who follows the decisions was shown: workload, process, destination, verdict
 * and reason. Only the latest 10,000 are remembered; others may be shown again. Not thread-safe.
 */
public final class ShownEdges {
  private static final int MOST = 10_000;

  private final SequencedSet<String> edges = new LinkedHashSet<>();

  /** Whether the decision's edge was not shown yet; it counts as shown from now on. */
  public boolean isNew(DecisionRecord decision) {
    var isNew =
        edges.add(
            String.join(
                "\0",
                decision.getOwner(),
                decision.getProcess(),
                decision.getDestination(),
                Integer.toString(decision.getPort()),
                decision.getVerdict(),
                decision.getShadowVerdict(),
                decision.getReason()));
    if (edges.size() > MOST) {
      edges.removeFirst();
    }
    return isNew;
  }
}
