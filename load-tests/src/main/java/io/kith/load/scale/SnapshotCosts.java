package io.kith.load.scale;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.edge.Baseline;
import io.kith.load.bench.GeneratedMesh;
import io.kith.load.tools.OwnJvm;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/*
 * In a process of its own, as nothing else shall be in its heap. The slope between the numbers
 * leaves out what is there once; that it is a line is seen from the points.
 */
/**
 * What a server holds for each workload and what it takes to make it, with real baselines.
 *
 * @param workloads of each point, rising
 * @param mib heap in use with so many, after collections
 * @param compileMicros of a processor for each snapshot, made when all baselines are there
 * @param revisionKib a baseline as text
 */
record SnapshotCosts(
    List<Integer> workloads, List<Double> mib, double compileMicros, double revisionKib) {
  private static final Pattern LINE = Pattern.compile("(\\w+) (\\d+) ([\\d.]+)");

  private record Held(Baseline baseline, Snapshot snapshot) {}

  SnapshotCosts {
    workloads = List.copyOf(workloads);
    mib = List.copyOf(mib);
  }

  /** Nothing measured. */
  static SnapshotCosts none() {
    return new SnapshotCosts(List.of(), List.of(), 0, 0);
  }

  /** Heap for each workload. */
  double workloadKib() {
    var points = new ArrayList<Slope.Point>();
    for (var i = 0; i < workloads.size(); i++) {
      points.add(new Slope.Point(workloads.get(i), mib.get(i) * 1_024));
    }
    return Slope.of(points).each();
  }

  /**
   * Measures in a new process with the flags of this one.
   *
   * @param workloads rising
   */
  static SnapshotCosts measure(long seed, int edges, List<Integer> workloads)
      throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    command.add(OwnJvm.java().toString());
    command.addAll(
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(flag -> flag.startsWith("-X"))
            .toList());
    command.addAll(
        List.of(
            "-cp",
            OwnJvm.classPath(),
            SnapshotCosts.class.getName(),
            Long.toString(seed),
            Integer.toString(edges)));
    workloads.forEach(number -> command.add(Integer.toString(number)));
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (var out = process.inputReader()) {
      var said = out.lines().collect(Collectors.joining("\n"));
      if (process.waitFor() != 0) {
        throw new IOException(
            "the process that holds snapshots ended with " + process.exitValue() + ":\n" + said);
      }
      return read(said);
    } finally {
      process.destroy();
    }
  }

  private static SnapshotCosts read(String said) {
    var workloads = new ArrayList<Integer>();
    var mib = new ArrayList<Double>();
    var compileMicros = 0.0;
    var revisionKib = 0.0;
    var lines = LINE.matcher(said);
    while (lines.find()) {
      var value = Double.parseDouble(lines.group(3));
      switch (lines.group(1)) {
        case "held" -> {
          workloads.add(Integer.parseInt(lines.group(2)));
          mib.add(value);
        }
        case "compiled" -> compileMicros = value;
        case "text" -> revisionKib = value;
        default -> throw new IllegalStateException(said);
      }
    }
    return new SnapshotCosts(workloads, mib, compileMicros, revisionKib);
  }

  /** Prints what it measured; the arguments are seed, edges, and numbers of workloads, rising. */
  public static void main(String[] arguments) {
    var mesh = new GeneratedMesh(Long.parseLong(arguments[0]), Integer.parseInt(arguments[1]));
    var numbers = Arrays.stream(arguments).skip(2).mapToInt(Integer::parseInt).toArray();
    var held = new Held[numbers[numbers.length - 1]];
    var from = 0;
    System.out.println("held 0 " + usedMib());
    var nanos = 0L;
    for (var number : numbers) {
      var baselines = new Baseline[number - from];
      Arrays.setAll(baselines, new Numbered(mesh, from)::baseline);
      var began = System.nanoTime();
      for (var workload = from; workload < number; workload++) {
        var baseline = baselines[workload - from];
        held[workload] = new Held(baseline, GeneratedMesh.snapshot(baseline));
      }
      nanos = System.nanoTime() - began; // of the last and largest step, when all is compiled
      System.out.println("held " + number + " " + usedMib());
      if (number == numbers[numbers.length - 1]) {
        System.out.println("compiled " + number + " " + nanos / 1e3 / (number - from));
      }
      from = number;
    }
    var sample = Math.min(100, held.length);
    var bytes = 0L;
    for (var i = 0; i < sample; i++) {
      bytes += BaselineJson.write(held[i].baseline).getBytes(StandardCharsets.UTF_8).length;
    }
    System.out.println("text " + sample + " " + bytes / 1_024.0 / sample);
    if (held[held.length - 1].snapshot == null) {
      throw new IllegalStateException("what was measured is gone");
    }
  }

  /** Baselines from a number on. */
  private record Numbered(GeneratedMesh mesh, int from) {
    Baseline baseline(int at) {
      return mesh.baseline(from + at);
    }
  }

  private static double usedMib() {
    var least = Long.MAX_VALUE;
    for (var i = 0; i < 3; i++) {
      System.gc();
      least =
          Math.min(least, Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
    }
    return least / 1_048_576.0;
  }
}
