package io.kith.load.scale;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Connections of sidecars over time.
 *
 * <p>A worker of a sidecar opens a connection to a check server when it has a Check for it and none
 * is open, and the server ends it when it is old: so many seconds, a tenth more or less, as gRPC's
 * maximum connection age. Of Checks to one server the times are a Poisson process. When a pod ends
 * so do its connections.
 *
 * @param open on average
 * @param perSecond opened, on average
 * @param busiest opened in the busiest second of all servers
 * @param busiestOfOne opened in the busiest second of the server that was restarted in the middle
 * @param sampled part of the pods that was simulated, for which all of them are counted
 */
record Connections(
    double open, double perSecond, double busiest, double busiestOfOne, double sampled) {
  /** Two are what Istio starts a sidecar with. */
  private static final int WORKERS = 2;

  private static final int MOST_PAIRS = 3_000_000;

  /** Simulates them; the pods are replaced at the times that the churn says. */
  static Connections simulate(
      SimulatedMesh mesh,
      Churn churn,
      Placement placement,
      double age,
      int seconds,
      SplittableRandom random) {
    var servers = placement.serversOfAPod();
    var pods = mesh.size().pods();
    var step = Math.max(1, Math.ceilDiv((long) pods * WORKERS * servers, MOST_PAIRS));
    var opened = new long[seconds];
    var openedAtOne = new long[seconds];
    var openSeconds = 0.0;
    var sampled = 0;
    for (var pod = 0L; pod < pods; pod += step) {
      sampled++;
      var number = (int) pod;
      var ends = churn.of(number);
      var perSecond = mesh.checksOfEachPod(mesh.workloadOf(number)) / (WORKERS * servers);
      for (var pair = 0; pair < WORKERS * servers; pair++) {
        var restarted =
            placement instanceof Placement.Central ? pair % servers == 0 : mesh.nodeOf(number) == 0;
        openSeconds +=
            one(perSecond, age, ends, restarted, opened, restarted ? openedAtOne : null, random);
      }
    }
    var all = pods / (double) sampled;
    return new Connections(
        all * openSeconds / seconds,
        all * Arrays.stream(opened).sum() / seconds,
        all * Arrays.stream(opened).max().orElse(0),
        all * Arrays.stream(openedAtOne).max().orElse(0),
        1 / all);
  }

  /** One worker and one server; the seconds that a connection was open. */
  private static double one(
      double perSecond,
      double age,
      double[] podEnds,
      boolean restarted,
      long[] opened,
      long @org.jspecify.annotations.Nullable [] alsoOpened,
      SplittableRandom random) {
    var seconds = opened.length;
    var restart = restarted ? seconds / 2.0 : Double.POSITIVE_INFINITY;
    var openSeconds = 0.0;
    var podEnd = 0;
    // Two ages before the start, so that at the start they are of all ages.
    for (var at = -2 * age * (1 + random.nextDouble() / 2); ; ) {
      at += Churn.next(random, perSecond);
      if (at >= seconds) {
        return openSeconds;
      }
      while (podEnd < podEnds.length && podEnds[podEnd] <= at) {
        podEnd++;
      }
      var end = at + age * (0.9 + 0.2 * random.nextDouble());
      if (podEnd < podEnds.length) {
        end = Math.min(end, podEnds[podEnd]);
      }
      if (at < restart) {
        end = Math.min(end, restart);
      }
      if (at >= 0) {
        opened[(int) at]++;
        if (alsoOpened != null) {
          alsoOpened[(int) at]++;
        }
      }
      openSeconds += Math.max(0, Math.min(end, seconds) - Math.max(at, 0));
      at = end;
    }
  }
}
