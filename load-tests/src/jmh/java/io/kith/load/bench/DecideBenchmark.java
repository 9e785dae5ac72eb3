package io.kith.load.bench;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Allow;
import java.time.Instant;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The decision under JMH: what {@code kith bench decide} measures, with a harness of others.
 *
 * <p>Workloads of 30 edges are asked in one of the two orders, each with a flow that is made just
 * before and outside of the time; one in 20 is unknown. With a swapper, a thread beside the
 * deciding ones compiles and swaps about 1,000 snapshots a second.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgs = {
      "-XX:+UseSerialGC",
      "-XX:+UseCompactObjectHeaders",
      "-XX:+UseTransparentHugePages",
      "-Xmx4g"
    })
public class DecideBenchmark {
  private static final long SEED = 4_711;
  private static final int EDGES = 30;
  private static final double UNKNOWN = 0.05;
  private static final Instant NOW = Instant.parse("2026-11-25T12:00:00Z");

  @Benchmark
  public Decision decide(Question question) {
    question.decision =
        Decider.decide(requireNonNull(question.asked), requireNonNull(question.flow), NOW);
    return question.decision;
  }

  /** Compiled snapshots of all workloads, for all threads. */
  @State(Scope.Benchmark)
  public static class Workloads {
    private final GeneratedMesh mesh = new GeneratedMesh(SEED, EDGES);
    private final AtomicInteger seeds = new AtomicInteger();

    @Param({"1000", "10000", "100000"})
    int workloads;

    @Param({"false", "true"})
    boolean hot;

    @Param({"false", "true"})
    boolean swapper;

    private AtomicReferenceArray<Snapshot> snapshots = new AtomicReferenceArray<>(0);
    private @Nullable Swapper swapping;

    @Setup
    public void compile() {
      snapshots = new AtomicReferenceArray<>(workloads);
      for (var workload = 0; workload < workloads; workload++) {
        snapshots.set(workload, GeneratedMesh.snapshot(mesh.baseline(workload)));
      }
      System.gc(); // what lives for long is where it will stay
      swapping = swapper ? new Swapper(mesh, snapshots) : null;
    }

    @TearDown
    public void stop() {
      if (swapping != null) {
        swapping.close();
      }
    }
  }

  /** What one thread asks next. */
  @State(Scope.Thread)
  public static class Question {
    private SplittableRandom random = new SplittableRandom(SEED);
    private WorkloadOrder order = () -> 0;
    private boolean known;
    private @Nullable Snapshot asked;
    private @Nullable Flow flow;
    private @Nullable Decision decision;

    @Setup
    public void seed(Workloads of) {
      random = new SplittableRandom(SEED + of.seeds.incrementAndGet());
      order =
          of.hot
              ? WorkloadOrder.byTraffic(of.workloads, random)
              : WorkloadOrder.everyOnce(of.workloads, random);
    }

    @Setup(Level.Invocation)
    public void make(Workloads of) {
      var workload = order.next();
      asked = of.snapshots.get(workload);
      known = random.nextDouble() >= UNKNOWN;
      flow = known ? of.mesh.allowed(workload, random) : of.mesh.unknown(workload, random);
    }

    @TearDown(Level.Invocation)
    public void check() {
      if (requireNonNull(decision).applied() instanceof Allow != known) {
        throw new IllegalStateException("a wrong decision was measured: " + decision);
      }
    }
  }
}
