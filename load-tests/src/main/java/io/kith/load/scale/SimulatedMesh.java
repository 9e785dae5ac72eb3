package io.kith.load.scale;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/*
 * Some ten octets for each pod and as many for each workload, in arrays: a pod is a place in them,
 * and one that comes after another is in the same place.
 */
/**
 * Which pods run on which nodes. Each workload has one pod; the rest go to workloads by a power
 * law, so that some have thousands. Pods move when they are replaced.
 */
final class SimulatedMesh {
  private final Size size;
  private final int[] workloadOf;
  private final int[] nodeOf;
  private final int[] podsByWorkload;
  private final int[] firstOf;
  private final float[] checksOf;

  /** Placed anew from a seed. */
  SimulatedMesh(Size size, long seed) {
    this.size = size;
    var random = new SplittableRandom(seed);
    var pods = size.pods();
    var workloads = size.workloads();
    workloadOf = new int[pods];
    for (var pod = 0; pod < pods; pod++) {
      workloadOf[pod] =
          pod < workloads ? pod : (int) (workloads * Math.pow(random.nextDouble(), 3));
    }
    nodeOf = new int[pods];
    Arrays.setAll(nodeOf, pod -> pod / size.podsPerNode());
    for (var pod = pods - 1; pod > 0; pod--) { // Fisher and Yates
      var other = random.nextInt(pod + 1);
      var node = nodeOf[pod];
      nodeOf[pod] = nodeOf[other];
      nodeOf[other] = node;
    }
    firstOf = new int[workloads + 1];
    for (var workload : workloadOf) {
      firstOf[workload + 1]++;
    }
    Arrays.parallelPrefix(firstOf, Integer::sum);
    podsByWorkload = new int[pods];
    var next = firstOf.clone();
    for (var pod = 0; pod < pods; pod++) {
      podsByWorkload[next[workloadOf[pod]]++] = pod;
    }
    checksOf = new float[workloads];
    var sum = 0.0;
    for (var workload = 0; workload < workloads; workload++) {
      checksOf[workload] = (float) Math.exp(random.nextGaussian()); // a few ask much more
      sum += checksOf[workload] * (double) podsOf(workload);
    }
    for (var workload = 0; workload < workloads; workload++) {
      checksOf[workload] *= (float) (size.checksPerSecond() / sum);
    }
  }

  Size size() {
    return size;
  }

  int podsOf(int workload) {
    return firstOf[workload + 1] - firstOf[workload];
  }

  /** Nodes that run a pod of a workload. */
  int nodesOf(int workload) {
    return (int)
        IntStream.range(0, podsOf(workload))
            .map(number -> nodeOf(podOf(workload, number)))
            .distinct()
            .count();
  }

  /** A pod of a workload, by its number in it. */
  int podOf(int workload, int number) {
    return podsByWorkload[firstOf[workload] + number];
  }

  int workloadOf(int pod) {
    return workloadOf[pod];
  }

  int nodeOf(int pod) {
    return nodeOf[pod];
  }

  /** Checks a second of each pod of a workload. */
  double checksOfEachPod(int workload) {
    return checksOf[workload];
  }

  /** The pod is gone; the next one in its place runs on another node. */
  void move(int pod, int node) {
    nodeOf[pod] = node;
  }

  /** Whether a node runs a pod of a workload, one pod left aside. */
  boolean runs(int node, int workload, int aside) {
    for (var at = firstOf[workload]; at < firstOf[workload + 1]; at++) {
      if (nodeOf[podsByWorkload[at]] == node && podsByWorkload[at] != aside) {
        return true;
      }
    }
    return false;
  }

  /** Workloads that have a pod on each node: by node. */
  int[] workloadsByNode() {
    var keys = new long[workloadOf.length];
    Arrays.setAll(keys, pod -> (long) nodeOf[pod] << 32 | workloadOf[pod]);
    Arrays.parallelSort(keys);
    var counts = new int[size.nodes()];
    for (var i = 0; i < keys.length; i++) {
      if (i == 0 || keys[i] != keys[i - 1]) {
        counts[(int) (keys[i] >> 32)]++;
      }
    }
    return counts;
  }
}
