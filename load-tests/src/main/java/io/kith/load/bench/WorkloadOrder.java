package io.kith.load.bench;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Which workload is asked next; numbers from 0 on. Not thread-safe. */
interface WorkloadOrder {
  /**
   * How much less often the next busier workload is asked: the constant that the Yahoo! Cloud
   * Serving Benchmark made usual.
   */
  double SKEW = 0.99;

  int next();

  /**
   * Every workload once in a random order, then all again in another one, so that nothing of a
   * workload is left in a cache that is smaller than all of them: the worst case.
   */
  static WorkloadOrder everyOnce(int workloads, SplittableRandom random) {
    var order = new int[workloads];
    Arrays.setAll(order, i -> i);
    return new WorkloadOrder() {
      private int at = order.length;

      @Override
      public int next() {
        if (at == order.length) {
          shuffle(order, random);
          at = 0;
        }
        return order[at++];
      }
    };
  }

  /**
   * By their traffic, of which few have most: of the workloads in the order of their traffic the
   * k-th is asked 1/k^{@value #SKEW} times as often as the first (Zipf). All are asked at any time,
   * and the busy ones lie anywhere in memory.
   */
  static WorkloadOrder byTraffic(int workloads, SplittableRandom random) {
    var order = new int[workloads];
    Arrays.setAll(order, i -> i);
    shuffle(order, random);
    var upTo = shares(workloads);
    return () -> order[rank(upTo, random.nextDouble())];
  }

  /** By how many workloads half of the questions are for, of so many. */
  static int busyHalf(int workloads) {
    return rank(shares(workloads), 0.5) + 1;
  }

  /** The share of the traffic that the first workloads have, up to each of them. */
  private static double[] shares(int workloads) {
    var shares = new double[workloads];
    var sum = 0.0;
    for (var i = 0; i < workloads; i++) {
      sum += Math.pow(i + 1, -SKEW);
      shares[i] = sum;
    }
    for (var i = 0; i < workloads; i++) {
      shares[i] /= sum;
    }
    return shares;
  }

  private static int rank(double[] shares, double share) {
    var at = Arrays.binarySearch(shares, share);
    return Math.min(at < 0 ? -at - 1 : at, shares.length - 1);
  }

  private static void shuffle(int[] order, SplittableRandom random) {
    for (var i = order.length - 1; i > 0; i--) {
      var other = random.nextInt(i + 1);
      var kept = order[i];
      order[i] = order[other];
      order[other] = kept;
    }
  }
}
