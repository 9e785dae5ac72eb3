package io.kith.load.bench;

import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.edge.Baseline;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/*
 * The slope between one number of workloads and twice as many, after collections, so that nothing
 * that is there once is counted; in a process of its own, so that nothing else is.
 */
/** Heap that an edge costs with all that is held for it: baseline, snapshot and index. */
final class HeapPerEdge {
  private record Held(Baseline baseline, Snapshot snapshot) {}

  private HeapPerEdge() {}

  /** Measures in a new process with the flags of this one. */
  static long measure(GeneratedMesh mesh, int workloads) throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            HeapPerEdge.class.getName(),
            String.valueOf(mesh.seed()),
            String.valueOf(mesh.edges()),
            String.valueOf(workloads)));
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (var out = process.inputReader()) {
      var line = out.readLine();
      if (process.waitFor() != 0 || line == null) {
        throw new IOException(
            "the process that measures the heap ended with " + process.exitValue());
      }
      return Long.parseLong(line);
    } finally {
      process.destroy();
    }
  }

  /** Prints bytes per edge; the arguments are seed, edges per workload, and workloads. */
  public static void main(String[] arguments) {
    var mesh = new GeneratedMesh(Long.parseLong(arguments[0]), Integer.parseInt(arguments[1]));
    var workloads = Integer.parseInt(arguments[2]);
    var held = new Held[2 * workloads];
    fill(mesh, held, 0, workloads);
    var one = used();
    fill(mesh, held, workloads, 2 * workloads);
    var two = used();
    System.out.println((two - one) / ((long) workloads * mesh.edges()));
    if (held[0] == null) {
      throw new IllegalStateException("what was measured is gone");
    }
  }

  private static void fill(GeneratedMesh mesh, Held[] held, int from, int to) {
    for (var workload = from; workload < to; workload++) {
      var baseline = mesh.baseline(workload);
      held[workload] = new Held(baseline, GeneratedMesh.snapshot(baseline));
    }
  }

  private static long used() {
    var least = Long.MAX_VALUE;
    for (var i = 0; i < 4; i++) {
      System.gc();
      least =
          Math.min(least, Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
    }
    return least;
  }
}
