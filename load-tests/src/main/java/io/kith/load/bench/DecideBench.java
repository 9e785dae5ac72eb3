package io.kith.load.bench;

import io.kith.baselines.decision.Snapshot;
import io.kith.server.replay.MalformedLineException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Measures the decision, what an edge holds of the heap, and the learner. */
final class DecideBench {
  static final int BATCH = 8;

  private static final long SEED = 4_711;
  private static final int THOUSAND = 1_000;
  private static final int HEAP_WORKLOADS = 5_000;
  private static final int KEPT_RECORDS = 100_000;
  private static final int GENERATED_FLOWS = 200_000;
  private static final int TOLD_EVERY = 10_000;

  /** What can be measured apart. */
  enum Part {
    decide,
    heap,
    learn
  }

  /**
   * What is asked for.
   *
   * @param time of each measurement
   * @param flows a log to learn from instead of a generated one, or null
   * @param inventory of that log, or null
   */
  record Plan(
      int workloads,
      int edges,
      Duration time,
      Set<Part> parts,
      @Nullable Path flows,
      @Nullable Path inventory) {}

  private final Plan plan;
  private final GeneratedMesh mesh;
  private final Consumer<String> progress;

  DecideBench(Plan plan, Consumer<String> progress) {
    this.plan = plan;
    this.mesh = new GeneratedMesh(SEED, plan.edges);
    this.progress = progress;
  }

  DecideFigures run() throws IOException, InterruptedException, MalformedLineException {
    DecideTimes hot = null;
    DecideTimes times = null;
    DecideTimes swapping = null;
    DecideTimes eight = null;
    DecideTimes twoReads = null;
    DecideTimes atThousand = null;
    if (plan.parts.contains(Part.decide)) {
      var few = build(THOUSAND);
      tell("warming up");
      DecideTimes.warmUp(mesh, few, SEED);
      tell("deciding for 1,000 workloads");
      atThousand = everyOnce(few, 1, plan.time, 1);
      var all = build(plan.workloads);
      tell(String.format(Locale.ROOT, "deciding for %,d workloads", plan.workloads));
      everyOnce(all, 1, plan.time.dividedBy(4), 2);
      var random = new SplittableRandom(SEED + 7);
      var byTraffic = WorkloadOrder.byTraffic(plan.workloads, random);
      hot = DecideTimes.measure(mesh, all, byTraffic, 1, plan.time, random);
      times = everyOnce(all, 1, plan.time, 3);
      tell("the same while snapshots are swapped, and eight in a row");
      try (var _ = new Swapper(mesh, all)) {
        swapping = everyOnce(all, 1, plan.time, 4);
      }
      eight = everyOnce(all, BATCH, plan.time, 5);
      twoReads = DecideTimes.ofTwoReads(mesh, all, plan.time.dividedBy(2), SEED + 6);
    }
    Long bytes = null;
    if (plan.parts.contains(Part.heap)) {
      tell(
          String.format(
              Locale.ROOT, "what an edge holds of the heap, %,d workloads", 2 * HEAP_WORKLOADS));
      bytes = HeapPerEdge.measure(mesh, HEAP_WORKLOADS);
    }
    var rates = plan.parts.contains(Part.learn) ? learn() : null;
    return new DecideFigures(
        plan.workloads,
        plan.edges,
        hot,
        times,
        swapping,
        eight,
        twoReads,
        atThousand,
        DecideTimes.clockNanos(),
        bytes,
        rates);
  }

  private DecideTimes everyOnce(
      AtomicReferenceArray<Snapshot> snapshots, int batch, Duration time, int run) {
    var random = new SplittableRandom(SEED + run);
    var order = WorkloadOrder.everyOnce(snapshots.length(), random);
    return DecideTimes.measure(mesh, snapshots, order, batch, time, random);
  }

  private AtomicReferenceArray<Snapshot> build(int workloads) {
    var snapshots = new AtomicReferenceArray<Snapshot>(workloads);
    for (var workload = 0; workload < workloads; workload++) {
      if (workload % TOLD_EVERY == 0) {
        tell(
            String.format(
                Locale.ROOT,
                "making %,d workloads of %d edges: %d %%",
                workloads,
                plan.edges,
                100L * workload / workloads));
      }
      snapshots.set(workload, GeneratedMesh.snapshot(mesh.baseline(workload)));
    }
    System.gc(); // what lives for long is where it will stay
    return snapshots;
  }

  private LearningRates learn() throws IOException, MalformedLineException {
    if (plan.flows != null) {
      tell("learning from " + plan.flows);
      return LearningRates.measure(plan.flows, plan.inventory, plan.time, KEPT_RECORDS);
    }
    var folder = Files.createTempDirectory("kith-bench");
    var flows = folder.resolve("flows.jsonl.gz");
    var pods = folder.resolve("pods.jsonl.gz");
    try {
      tell(String.format(Locale.ROOT, "making a log of %,d flows", GENERATED_FLOWS));
      var log = new GeneratedLog(SEED);
      log.writeInventory(pods);
      log.writeFlows(flows, GENERATED_FLOWS);
      tell("learning from it");
      return LearningRates.measure(flows, pods, plan.time, GENERATED_FLOWS);
    } finally {
      Files.deleteIfExists(flows);
      Files.deleteIfExists(pods);
      Files.deleteIfExists(folder);
    }
  }

  private void tell(String step) {
    progress.accept(step);
  }
}
