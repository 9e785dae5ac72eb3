package io.kith.load.scale;

/**
 * How large a mesh is, and what goes on in it.
 *
 * @param workloads at most one for each pod
 * @param podsPerNode each node is full
 * @param checksPerNode Checks a second that the pods of a node cause together, on average
 */
record Size(int nodes, int workloads, int podsPerNode, double checksPerNode) {
  private static final int MOST_PODS = 20_000_000;

  Size {
    if (nodes < 1 || podsPerNode < 1 || (long) nodes * podsPerNode > MOST_PODS) {
      throw new IllegalArgumentException(
          "%,d nodes of %,d pods (expected: 1 to %,d pods in all)"
              .formatted(nodes, podsPerNode, MOST_PODS));
    }
    if (workloads < 1 || workloads > nodes * podsPerNode) {
      throw new IllegalArgumentException(
          "workloads: %,d (expected: 1 to %,d, one for each pod)"
              .formatted(workloads, nodes * podsPerNode));
    }
    if (!(checksPerNode > 0)) {
      throw new IllegalArgumentException(
          "checksPerNode: " + checksPerNode + " (expected: above 0)");
    }
  }

  int pods() {
    return nodes * podsPerNode;
  }

  double checksPerSecond() {
    return nodes * checksPerNode;
  }

  /** The same mesh with other nodes: as many workloads for each. */
  Size withNodes(int others) {
    return new Size(
        others, (int) Math.max(1, (long) workloads * others / nodes), podsPerNode, checksPerNode);
  }
}
