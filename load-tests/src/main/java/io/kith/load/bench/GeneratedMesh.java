package io.kith.load.bench;

import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/*
 * A question is made from the seed and never from the snapshot: to look at the edge that it asks
 * for would bring that edge into the caches before the clock starts. Its process is at hand, as in
 * a server, which has it from the bridge once and not with each connection: a question that makes
 * all of its texts anew leaves 20 kB behind, and pushes out of the caches what a server keeps there.
 */
/**
 * A mesh that is made from a seed: baselines of workloads, and flows to ask them about.
 *
 * <p>Two to four process classes per workload; of its edges about half go to services of the mesh,
 * a tenth to names outside, a tenth to private addresses, and the rest are one-label wildcards,
 * address blocks and ranges of dynamic ports. Workloads run the programs of 64 images. What a
 * baseline has of a program is its own; the names in a question are new, as after parsing.
 */
public final class GeneratedMesh {
  private static final int IMAGES = 64;
  private static final int MAX_CLASSES = 4;

  private final long seed;
  private final int edges;
  private final Running[] running = new Running[IMAGES * MAX_CLASSES];

  /** What a bridge said of a process. */
  private record Running(ProcessFingerprint fingerprint, ProcessClass processClass) {
    static Running of(GeneratedProgram program) {
      var fingerprint = program.fingerprint();
      return new Running(fingerprint, ProcessClass.of(fingerprint));
    }
  }

  /**
   * The mesh of a seed.
   *
   * @param edges per workload, 1 or more
   */
  public GeneratedMesh(long seed, int edges) {
    if (edges < 1) {
      throw new IllegalArgumentException("edges: " + edges + " (expected: 1 or more)");
    }
    this.seed = seed;
    this.edges = edges;
    Arrays.setAll(
        running, at -> Running.of(GeneratedProgram.of(seed, at / MAX_CLASSES, at % MAX_CLASSES)));
  }

  long seed() {
    return seed;
  }

  int edges() {
    return edges;
  }

  /** What is enforced for a workload. */
  public Baseline baseline(int workload) {
    var all = new ArrayList<Edge>(edges);
    for (var edge = 0; edge < edges; edge++) {
      var program = GeneratedProgram.of(seed, workload % IMAGES, classOf(workload, edge));
      all.add(
          Edge.learned(program.processClass(), GeneratedTarget.of(seed, workload, edge).pattern()));
    }
    return Baseline.of(
        Owner.parse("team-" + workload % 97 + "/deployment/app-" + workload), null, all);
  }

  /** What decides for a workload, under enforcement. */
  public static Snapshot snapshot(Baseline baseline) {
    return new Snapshot(Mode.ENFORCE, false, Rules.of(baseline, List.of()), null);
  }

  /** A flow that an edge of the workload allows. */
  Flow allowed(int workload, RandomGenerator random) {
    var edge = random.nextInt(edges);
    return flow(
        workload,
        running(workload, classOf(workload, edge)),
        GeneratedTarget.of(seed, workload, edge).destination(random));
  }

  /** A flow that no edge allows: a known process to a new place, or a new process. */
  Flow unknown(int workload, RandomGenerator random) {
    var number = random.nextInt(1_000_000);
    return random.nextBoolean()
        ? flow(
            workload,
            running(workload, random.nextInt(classes(workload))),
            new Destination(
                "exfil-" + number + ".example.net",
                Evidence.CLIENT_NAME,
                GeneratedTarget.address(203, 0, number >> 8, number),
                443,
                Protocol.TCP))
        : flow(
            workload,
            Running.of(GeneratedProgram.stranger(number)),
            GeneratedTarget.of(seed, workload, random.nextInt(edges)).destination(random));
  }

  private Running running(int workload, int index) {
    return running[workload % IMAGES * MAX_CLASSES + index];
  }

  private static Flow flow(int workload, Running process, Destination destination) {
    var id = id(workload);
    return new Flow(
        id,
        new Attributed(
            List.of(
                new Candidate(
                    "fp:" + workload,
                    process.fingerprint,
                    process.processClass,
                    Quality.EXACT,
                    Set.of(id(workload)))),
            Rung.KERNEL_EXACT,
            List.of()),
        new Resolved(destination, null));
  }

  private static SpiffeId id(int workload) {
    return SpiffeId.parse("spiffe://prod.example/ns/team-" + workload % 97 + "/sa/app-" + workload);
  }

  private static int classes(int workload) {
    return 2 + Math.floorMod(workload, 3);
  }

  private static int classOf(int workload, int edge) {
    return Math.min(edge % 4, classes(workload) - 1);
  }

  /** A number that is spread evenly, of three. Source: the finaliser of SplitMix64. */
  static long mix(long seed, int one, int two) {
    var z = seed + (((long) one << 32) ^ two) * 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
