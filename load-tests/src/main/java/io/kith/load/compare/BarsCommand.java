package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.BenchArguments;
import io.kith.load.bench.JsonOption;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench bars}. */
@Command(
    name = "bars",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Measures what no comparison of servers shows, each figure beside its bar: how soon a server"
          + " decides after its start and how well it does at first, how soon a deny by hand is in"
          + " force on two servers (from its RPC, and from the command), what many workloads cost,"
          + " what a dead exporter of telemetry costs, and how soon answers come at half of what"
          + " OPA-Envoy can do.",
      "",
      "Servers have a processor for themselves, as with bench check. Needs no root; PostgreSQL for"
          + " the deny, OPA-Envoy (KITH_OPA_ENVOY) for its row. Some ten minutes, of which half go"
          + " into the baselines of 100,000 workloads."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing.",
      "",
      "Examples:",
      "  kith bench bars --only start,deny",
      "  kith bench bars --only scale --workloads 20000 -o json"
    })
public final class BarsCommand implements Callable<Integer> {
  private static final int FEWEST = 1_000;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "WHAT",
      description = "Of: start, deny, scale, telemetry, opa (default: all).")
  private Set<String> only = new LinkedHashSet<>();

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "2",
      description = "Time of each measurement (default: 2).")
  private int seconds;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Measurements of each server (default: 5).")
  private int rounds;

  @Option(
      names = "--trials",
      paramLabel = "N",
      defaultValue = "5",
      description = "Starts; and a fourth of the changes (default: 5).")
  private int trials;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "30",
      description =
          "Seconds of a processor that each server has before it is measured (default: 30).")
  private int warmUp;

  @Option(
      names = "--workloads",
      paramLabel = "N",
      defaultValue = "100000",
      description = "Of the largest mesh, beside one with a hundredth of them (default: 100000).")
  private int workloads;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var here = requireNonNull(spec, "spec");
    BenchArguments.requireUpTo(here, "--seconds", seconds, 60);
    BenchArguments.requireUpTo(here, "--rounds", rounds, 100);
    BenchArguments.requireUpTo(here, "--trials", trials, 100);
    BenchArguments.requireUpTo(here, "--warm-up", warmUp, 600);
    BenchArguments.requireUpTo(here, "--workloads", workloads, 1_000_000);
    if (workloads < FEWEST) {
      throw BenchArguments.refused(
          here, "--workloads: " + workloads + " (expected: " + FEWEST + " or more)");
    }
    var plan =
        new BarsBench.Plan(
            BenchArguments.chosen(here, "--only", only, BarGroup.class, BarGroup::id),
            Duration.ofSeconds(seconds),
            Duration.ofSeconds(warmUp),
            rounds,
            trials,
            workloads);
    var out = here.commandLine().getOut();
    var machine = BenchArguments.machine(); // before it is bound to one of them
    var cores = Cores.pinned();
    var figures = new BarsBench(plan, cores, BenchArguments.progress(here)).run();
    figures.lines(machine + "; " + cores.words()).forEach(out::println);
    if (output.isJson()) {
      out.println(figures.json());
    }
    out.flush();
    return 0;
  }
}
