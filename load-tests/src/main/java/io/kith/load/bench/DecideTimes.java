package io.kith.load.bench;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Allow;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReferenceArray;

/*
 * The flows of a batch are made just before it, since a server has just parsed what it is asked; it
 * also knows which snapshot to ask, but nothing has looked into that. The processor may work on
 * neighbours of a batch at once; a batch of one shows what that hides.
 */
/**
 * How long decisions take, each in nanoseconds; nothing is subtracted.
 *
 * @param median of the batches, divided by their size
 * @param p99 the same
 * @param p999 the same
 */
record DecideTimes(long median, long p99, long p999, long samples) {
  private static final int WARM_UP = 50_000;
  private static final int MAX_SAMPLES = 4_000_000;
  private static final double UNKNOWN = 0.05;
  private static final Instant NOW = Instant.parse("2026-11-25T12:00:00Z");

  /** Asks so often that the compiler has seen enough of it, however busy the machine is. */
  static void warmUp(GeneratedMesh mesh, AtomicReferenceArray<Snapshot> snapshots, long seed) {
    var random = new SplittableRandom(seed);
    var order = WorkloadOrder.everyOnce(snapshots.length(), random);
    var asked = 0L;
    while (asked < WARM_UP) {
      asked += measure(mesh, snapshots, order, 1, Duration.ofMillis(100), random).samples;
    }
  }

  /**
   * Asks until the time is over.
   *
   * @param order in which the workloads are asked
   * @param batch flows that are decided in a row
   * @throws IllegalStateException when a decision is not the one that the flow was made for
   */
  static DecideTimes measure(
      GeneratedMesh mesh,
      AtomicReferenceArray<Snapshot> snapshots,
      WorkloadOrder order,
      int batch,
      Duration time,
      SplittableRandom random) {
    var asked = new Snapshot[batch];
    var flows = new Flow[batch];
    var known = new boolean[batch];
    var decisions = new Decision[batch];
    var samples = new int[MAX_SAMPLES];
    var count = 0;
    var end = System.nanoTime() + time.toNanos();
    while (count < MAX_SAMPLES && System.nanoTime() < end) {
      for (var i = 0; i < batch; i++) {
        var workload = order.next();
        asked[i] = snapshots.get(workload);
        known[i] = random.nextDouble() >= UNKNOWN;
        flows[i] = known[i] ? mesh.allowed(workload, random) : mesh.unknown(workload, random);
      }
      var started = System.nanoTime();
      for (var i = 0; i < batch; i++) {
        decisions[i] = Decider.decide(asked[i], flows[i], NOW);
      }
      samples[count++] = (int) Math.min(Integer.MAX_VALUE, (System.nanoTime() - started) / batch);
      check(decisions, known);
    }
    return of(Arrays.copyOf(samples, count));
  }

  /**
   * The same questions, and of each answer only two reads that wait for one another: the snapshot,
   * and its baseline's revision. No decision can be faster, wherever its data lies.
   */
  static DecideTimes ofTwoReads(
      GeneratedMesh mesh, AtomicReferenceArray<Snapshot> snapshots, Duration time, long seed) {
    var random = new SplittableRandom(seed);
    var samples = new int[MAX_SAMPLES];
    var count = 0;
    var lengths = 0L;
    var end = System.nanoTime() + time.toNanos();
    while (count < MAX_SAMPLES && System.nanoTime() < end) {
      var workload = random.nextInt(snapshots.length());
      var snapshot = snapshots.get(workload);
      lengths += mesh.allowed(workload, random).resolved().destination().name().length();
      var started = System.nanoTime();
      var rules = snapshot.enforced();
      lengths += rules == null || rules.denied().isEmpty() ? 0 : 1;
      samples[count++] = (int) Math.min(Integer.MAX_VALUE, System.nanoTime() - started);
    }
    if (lengths == 0) {
      throw new IllegalStateException("nothing was asked");
    }
    return of(Arrays.copyOf(samples, count));
  }

  private static DecideTimes of(int[] samples) {
    Arrays.sort(samples);
    var count = samples.length;
    return new DecideTimes(
        samples[count / 2], samples[(int) (count * 0.99)], samples[(int) (count * 0.999)], count);
  }

  private static void check(Decision[] decisions, boolean[] known) {
    for (var i = 0; i < known.length; i++) {
      if (decisions[i].applied() instanceof Allow != known[i]) {
        throw new IllegalStateException("a wrong decision was measured: " + decisions[i]);
      }
    }
  }

  /** What two looks at the clock cost, the median of many. */
  static long clockNanos() {
    var samples = new long[100_001];
    for (var i = 0; i < samples.length; i++) {
      var started = System.nanoTime();
      samples[i] = System.nanoTime() - started;
    }
    Arrays.sort(samples);
    return samples[samples.length / 2];
  }
}
