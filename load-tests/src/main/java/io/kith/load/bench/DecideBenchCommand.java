package io.kith.load.bench;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.DecideBench.Part;
import io.kith.load.bench.DecideBench.Plan;
import io.kith.server.replay.MalformedLineException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code kith bench decide}. */
@Command(
    name = "decide",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Measures the decision on this machine: nanoseconds, and bytes of heap per edge; and the"
          + " learner: flows per second from parsed records, and from a gzip'd log.",
      "",
      "The workloads are asked in two orders. Hot: by their traffic, of which few have most, as in"
          + " a mesh; of the workloads in the order of their traffic the k-th is asked 1/k^0.99"
          + " times as often as the first (Zipf, with the constant of YCSB), so that half of the"
          + " questions are for under a hundredth of 10,000. Random: each once, then all again in"
          + " another order, so that no cache helps. The bar of 300 ns is for hot ones, that of 600"
          + " ns for 100,000 in a random order: with -o json decide_p50_ns is hot for up to 10,000"
          + " workloads and random for more, and decide_hot_p50_ns and decide_random_p50_ns are"
          + " what they say.",
      "",
      "Needs no root. About a minute; 100,000 workloads need a heap of 2 GB and three minutes."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments.",
      "",
      "Examples:",
      "  kith bench decide --quick",
      "  kith bench decide --workloads 100000 --only decide",
      "  kith bench decide --only learn --flows flows.jsonl.gz --inventory pods.jsonl.gz -o json"
    })
public final class DecideBenchCommand implements Callable<Integer> {
  private static final long BYTES_PER_EDGE = 500;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--workloads",
      paramLabel = "N",
      defaultValue = "10000",
      description = "Workloads with a baseline (default: 10000).")
  private int workloads;

  @Option(
      names = "--edges",
      paramLabel = "N",
      defaultValue = "30",
      description = "Edges of each (default: 30).")
  private int edges;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Time of each measurement (default: 5).")
  private int seconds;

  @Option(names = "--quick", description = "A second for each measurement.")
  private boolean quick;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "PART",
      description = "What to measure, of: decide, heap, learn; the rest is null.")
  private Set<Part> only = EnumSet.allOf(Part.class);

  @Option(
      names = "--flows",
      paramLabel = "FILE",
      description = "Learn from this flow log instead of a generated one.")
  private @Nullable Path flows;

  @Option(names = "--inventory", paramLabel = "FILE", description = "Inventory of that log.")
  private @Nullable Path inventory;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec").commandLine();
    check("--workloads", workloads, 1_000_000);
    check("--edges", edges, 4_096);
    check("--seconds", seconds, 60);
    refuseSmallHeap();
    var out = command.getOut();
    var err = command.getErr();
    var plan =
        new Plan(workloads, edges, Duration.ofSeconds(quick ? 1 : seconds), only, flows, inventory);
    try {
      var figures =
          new DecideBench(plan, BenchArguments.progress(requireNonNull(spec, "spec"))).run();
      figures.lines(machine()).forEach(out::println);
      if (output.isJson()) {
        out.println(figures.json());
      }
      out.flush();
      return 0;
    } catch (NoSuchFileException e) {
      err.println("kith bench decide: " + e.getFile() + ": no such file");
      return 1;
    } catch (MalformedLineException e) {
      err.println("kith bench decide: " + e.getMessage());
      return 1;
    }
  }

  private void check(String option, int value, int most) {
    BenchArguments.requireUpTo(requireNonNull(spec, "spec"), option, value, most);
  }

  private void refuseSmallHeap() {
    var needed = only.contains(Part.decide) ? (long) workloads * edges * BYTES_PER_EDGE : 0;
    if (needed > Runtime.getRuntime().maxMemory()) {
      var gigabytes = Math.ceilDiv(needed, 1L << 30);
      throw refused(
          String.format(
              Locale.ROOT,
              "%,d workloads of %,d edges need a heap of about %d GB (set"
                  + " KITH_JAVA_OPTS=-Xmx%dg, or ask for less)",
              workloads,
              edges,
              gigabytes,
              gigabytes));
    }
  }

  private ParameterException refused(String message) {
    return BenchArguments.refused(requireNonNull(spec, "spec"), message);
  }

  private static String machine() {
    return String.format(
        Locale.ROOT,
        "%s, heap of up to %,d MB",
        BenchArguments.machine(),
        Runtime.getRuntime().maxMemory() >> 20);
  }
}
