package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.BenchArguments;
import io.kith.load.bench.DecideBenchCommand;
import io.kith.load.bench.JsonOption;
import io.kith.load.tools.MissingToolException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench}: both comparisons; and what carries the benchmarks one by one. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    synopsisSubcommandLabel = "[COMMAND]",
    subcommands = {
      CheckBenchCommand.class,
      EnvoyBenchCommand.class,
      BarsCommand.class,
      DecideBenchCommand.class
    },
    description = {
      "",
      "Without a command: what a Check costs, Kith beside other servers, asked directly (bench"
          + " check) and through a worker of the real Envoy (bench envoy). Some five minutes on two"
          + " processors that are idle; --full some fifteen.",
      "",
      "What goes through Envoy needs root. ./kith bridge bench has the benchmarks of the bridge."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing.",
      "",
      "Examples:",
      "  kith bench",
      "  KITH_OPA_ENVOY=/opt/opa-envoy kith bench --full -o json"
    })
public final class BenchCommand implements Callable<Integer> {
  /** What measures. */
  interface Benches {
    Cores cores() throws Exception;

    CheckFigures direct(CheckBench.Plan plan, Cores cores, Consumer<String> say) throws Exception;

    EnvoyFigures envoy(EnvoyBench.Plan plan, Cores cores, Consumer<String> say) throws Exception;
  }

  private static final class OfThisMachine implements Benches {
    @Override
    public Cores cores() throws Exception {
      return Cores.pinned();
    }

    @Override
    public CheckFigures direct(CheckBench.Plan plan, Cores cores, Consumer<String> say)
        throws Exception {
      return new CheckBench(plan, cores, say).run();
    }

    @Override
    public EnvoyFigures envoy(EnvoyBench.Plan plan, Cores cores, Consumer<String> say)
        throws Exception {
      return new EnvoyBench(plan, cores, say).run();
    }
  }

  private final Benches benches;

  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--full", description = "Longer measurements, and longer warm-ups before them.")
  private boolean full;

  @Mixin private JsonOption output = new JsonOption();

  public BenchCommand() {
    this(new OfThisMachine());
  }

  BenchCommand(Benches benches) {
    this.benches = benches;
  }

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec").commandLine();
    var out = command.getOut();
    var err = command.getErr();
    var machine = BenchArguments.machine();
    var cores = benches.cores();
    var say = BenchArguments.progress(requireNonNull(spec, "spec"));
    try {
      var direct = benches.direct(direct(), cores, say);
      direct.lines(machine + "; " + cores.words()).forEach(out::println);
      out.println();
      out.flush();
      var plan = throughEnvoy();
      var envoy = benches.envoy(plan, cores, say);
      envoy
          .lines(machine + EnvoyBenchCommand.words(plan.connections(), cores))
          .forEach(out::println);
      if (output.isJson()) {
        out.println("{" + direct.jsonMember() + "," + envoy.jsonMember() + "}");
      }
      out.flush();
      return 0;
    } catch (MissingToolException e) {
      err.println("kith bench: " + e.getMessage());
      return 3;
    }
  }

  private CheckBench.Plan direct() {
    return new CheckBench.Plan(
        EnumSet.allOf(Contender.class),
        EnumSet.allOf(Shape.class),
        Set.of(false, true),
        full ? Duration.ofSeconds(3) : Duration.ofMillis(500),
        Duration.ofSeconds(full ? 8 : 6),
        3,
        4,
        64,
        1_000);
  }

  private EnvoyBench.Plan throughEnvoy() {
    return new EnvoyBench.Plan(
        EnumSet.allOf(Authorizer.class),
        EnumSet.allOf(EnvoyShape.class),
        full ? Duration.ofSeconds(3) : Duration.ofMillis(500),
        full ? Duration.ofSeconds(12) : Duration.ofMillis(500),
        Duration.ofSeconds(full ? 8 : 3),
        3,
        16);
  }
}
