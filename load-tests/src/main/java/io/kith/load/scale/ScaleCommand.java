package io.kith.load.scale;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.store.StoreException;
import io.kith.load.bench.BenchArguments;
import io.kith.load.bench.JsonOption;
import io.kith.load.tools.MissingToolException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench scale}. */
@Command(
    name = "scale",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "What a mesh of many nodes costs, with Checks answered by central replicas and on each node."
          + " Measures on this machine what one of each thing costs, with a real server, real"
          + " mutual TLS, real snapshots and a real PostgreSQL, and simulates a mesh with that,"
          + " from a seed.",
      "",
      "Needs PostgreSQL and no root. Some five minutes; --quick less than one, and rough."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing.",
      "",
      "Examples:",
      "  kith bench scale",
      "  kith bench scale -o json > measured.txt",
      "  kith bench scale --costs measured.txt --nodes 5000 --workloads 50000 --pods-per-node 20",
      "  kith bench scale --quick -o json"
    })
public final class ScaleCommand implements Callable<Integer> {
  private static final int EDGES = 30;
  private static final Duration AGE = Duration.ofMinutes(5);
  private static final Duration TIME = Duration.ofMinutes(10);
  private static final Churn.Rates RATES = new Churn.Rates(1, 1, 0.1);

  /** Of the Checks; the others are of connections that were asked about before. */
  private static final double NEW_SOCKETS = 0.25;

  /** Sizes of the curve, as parts of the mesh that was asked for. */
  private static final List<Double> CURVE = List.of(0.01, 0.03, 0.1, 0.3);

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--nodes",
      paramLabel = "N",
      defaultValue = "10000",
      description = "(default: 10000)")
  private int nodes;

  @Option(
      names = "--workloads",
      paramLabel = "N",
      defaultValue = "1000000",
      description = "Each with thirty edges (default: 1000000).")
  private int workloads;

  @Option(
      names = "--pods-per-node",
      paramLabel = "N",
      defaultValue = "150",
      description = "(default: 150)")
  private int podsPerNode;

  @Option(
      names = "--checks-per-node",
      paramLabel = "N",
      defaultValue = "400",
      description = "Checks a second that the pods of a node cause (default: 400).")
  private int checksPerNode;

  @Option(
      names = "--replicas",
      split = ",",
      paramLabel = "N",
      defaultValue = "10,200",
      description = "Central replicas, each number a column (default: 10,200).")
  private List<Integer> replicas = List.of();

  @Option(
      names = "--control",
      paramLabel = "N",
      defaultValue = "5",
      description = "Control replicas where Checks are answered on the nodes (default: 5).")
  private int control;

  @Option(
      names = "--costs",
      paramLabel = "FILE",
      description =
          "Measure nothing: take the unit costs from the output of -o json of another run.")
  private @Nullable Path costsFile;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "(default: 1)")
  private long seed;

  @Option(
      names = "--plot",
      paramLabel = "FILE",
      defaultValue = "kith-scale.svg",
      description = "Where the cost curve is written (default: kith-scale.svg).")
  private Path plot = Path.of("kith-scale.svg");

  @Option(
      names = "--quick",
      description = "Measures for seconds, and simulates a mesh of a hundredth of the size.")
  private boolean quick;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec");
    var out = command.commandLine().getOut();
    var size = size();
    var placements = placements();
    try {
      var say = BenchArguments.progress(command);
      var costs = costs(say);
      var simulation = new Simulation(costs.units(), RATES, AGE, TIME, EDGES, NEW_SOCKETS);
      var rows = new ArrayList<Simulation.Figures>();
      var curve = new ArrayList<Simulation.Figures>();
      var heapMib = 0L;
      for (var placement : placements) {
        say.accept("simulating " + placement.words());
        for (var part : CURVE) {
          var smaller = (int) Math.round(size.nodes() * part);
          if (smaller >= 1) {
            curve.add(simulation.run(size.withNodes(smaller), placement, seed));
          }
        }
        heap().forEach(MemoryPoolMXBean::resetPeakUsage);
        var row = simulation.run(size, placement, seed);
        heapMib = Math.max(heapMib, peakMib());
        rows.add(row);
        curve.add(row);
      }
      var figures = new ScaleFigures(BenchArguments.machine(), seed, costs, rows, curve, heapMib);
      figures.lines().forEach(out::println);
      var lines =
          placements.stream()
              .map(
                  placement ->
                      new CostPlot.Line(
                          placement.words(),
                          curve.stream().filter(one -> one.placement().equals(placement)).toList()))
              .toList();
      Files.writeString(plot, CostPlot.of(lines, BenchArguments.machine()));
      out.println("The plot is in " + plot.toAbsolutePath().normalize() + ".");
      if (output.isJson()) {
        out.println(figures.json());
      }
      out.flush();
      return 0;
    } catch (MissingToolException e) {
      command.commandLine().getErr().println("kith bench scale: " + e.getMessage());
      return 3;
    }
  }

  private MeasuredCosts costs(Consumer<String> say)
      throws IOException, InterruptedException, SQLException, StoreException {
    var file = costsFile;
    if (file == null) {
      var extent = quick ? MeasuredCosts.Extent.quick() : MeasuredCosts.Extent.full();
      return MeasuredCosts.measure(extent, EDGES, seed, say);
    }
    try {
      return new MeasuredCosts(UnitCosts.read(file), SnapshotCosts.none(), ChangeCosts.none());
    } catch (IOException e) {
      throw BenchArguments.refused(requireNonNull(spec, "spec"), "--costs: " + e.getMessage());
    }
  }

  private Size size() {
    try {
      var asked = new Size(nodes, workloads, podsPerNode, checksPerNode);
      return quick ? asked.withNodes(Math.max(1, nodes / 100)) : asked;
    } catch (IllegalArgumentException e) {
      throw BenchArguments.refused(requireNonNull(spec, "spec"), String.valueOf(e.getMessage()));
    }
  }

  private List<Placement> placements() {
    try {
      var all = new ArrayList<Placement>();
      replicas.forEach(number -> all.add(new Placement.Central(number)));
      all.add(new Placement.NodeLocal(control));
      return all;
    } catch (IllegalArgumentException e) {
      throw BenchArguments.refused(requireNonNull(spec, "spec"), String.valueOf(e.getMessage()));
    }
  }

  private static List<MemoryPoolMXBean> heap() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP)
        .toList();
  }

  /** Garbage included: less would do. */
  private static long peakMib() {
    return heap().stream().mapToLong(pool -> pool.getPeakUsage().getUsed()).sum() >> 20;
  }
}
