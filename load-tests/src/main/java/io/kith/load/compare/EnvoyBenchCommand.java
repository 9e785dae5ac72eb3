package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.BenchArguments;
import io.kith.load.bench.JsonOption;
import io.kith.load.tools.MissingToolException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench envoy}. */
@Command(
    name = "envoy",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Compares what Envoy's requests cost through one worker of the real Envoy, whomever it asks:"
          + " nobody, its own RBAC filter, a server that allows everything, OPA-Envoy, Kith. The"
          + " configuration is the recipe of istio/standalone, the same for all; their turns"
          + " alternate.",
      "",
      "Needs root, for a network of its own and the redirection of connections. Some ten minutes;"
          + " --quick less than half."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing.",
      "",
      "Examples:",
      "  kith bench envoy --quick",
      "  kith bench envoy --servers kith,null-java-direct --shapes l7",
      "  KITH_OPA_ENVOY=/opt/opa-envoy kith bench envoy -o json"
    })
public final class EnvoyBenchCommand implements Callable<Integer> {
  private static final int QUICK_WARM_UP = 3;

  /** Of a quarter of what is possible a hundredth is few in three seconds. */
  private static final int PACED = 4;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--servers",
      split = ",",
      paramLabel = "NAME",
      description =
          "Of: none, rbac, null-java-direct, opa, kith, kith-shortcut (requests are spared a Check"
              + " of their own; l7 only) (default: all).")
  private Set<String> servers = new LinkedHashSet<>();

  @Option(
      names = "--shapes",
      split = ",",
      paramLabel = "SHAPE",
      description =
          "Of: l4 (a new connection each, checked at its first byte), l7 (requests on kept"
              + " connections, each checked), gate (a new connection each, checked at connect)"
              + " (default: all).")
  private Set<EnvoyShape> shapes = EnumSet.allOf(EnvoyShape.class);

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "3",
      description =
          "Time of each measurement; four times as much at one rate, where what is slow is rare"
              + " (default: 3).")
  private int seconds;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Measurements of each server and shape (default: 3).")
  private int rounds;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "8",
      description =
          "Seconds of a processor that each server has before its first measurement (default: 8).")
  private int warmUp;

  @Option(
      names = "--connections",
      paramLabel = "N",
      defaultValue = "16",
      description = "Requests on their way at a time (default: 16).")
  private int connections;

  @Option(names = "--quick", description = "One second for each measurement, and less to warm up.")
  private boolean quick;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec").commandLine();
    check("--seconds", seconds, 60);
    check("--rounds", rounds, 100);
    check("--warm-up", warmUp, 600);
    check("--connections", connections, 1_024);
    var plan =
        new EnvoyBench.Plan(
            authorizers(),
            shapes,
            Duration.ofSeconds(quick ? 1 : seconds),
            Duration.ofSeconds(quick ? 1 : PACED * seconds),
            Duration.ofSeconds(quick ? Math.min(warmUp, QUICK_WARM_UP) : warmUp),
            rounds,
            connections);
    var out = command.getOut();
    var err = command.getErr();
    var machine = BenchArguments.machine();
    var cores = Cores.pinned();
    try {
      var figures =
          new EnvoyBench(plan, cores, BenchArguments.progress(requireNonNull(spec, "spec"))).run();
      figures.lines(machine + words(connections, cores)).forEach(out::println);
      if (output.isJson()) {
        out.println(figures.json());
      }
      out.flush();
      return figures.rows().stream().allMatch(row -> row.measured() == null) ? 3 : 0;
    } catch (MissingToolException e) {
      err.println("kith bench envoy: " + e.getMessage());
      return 3;
    }
  }

  private Set<Authorizer> authorizers() {
    return BenchArguments.chosen(
        requireNonNull(spec, "spec"), "--servers", servers, Authorizer.class, Authorizer::id);
  }

  private void check(String option, int value, int most) {
    BenchArguments.requireUpTo(requireNonNull(spec, "spec"), option, value, most);
  }

  /** What was done, and where; continues a sentence about the machine. */
  static String words(int connections, Cores cores) {
    return String.format(
        Locale.ROOT,
        "; %d requests at a time; %s",
        connections,
        cores.serverPrefix().isEmpty()
            ? "all share all processors"
            : "Envoy alone on processor 0; driver, upstream, server and bridge on processor 1");
  }
}
