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
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench check}. */
@Command(
    name = "check",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Compares servers of Envoy's Checks: Kith, servers that allow everything without a look, and"
          + " OPA-Envoy with an equivalent policy. Each is a process of its own on one processor, and"
          + " is driven from another by the same Checks; their turns alternate.",
      "",
      "Kith runs as delivered, with a store, an enforced baseline of thirty edges for each pod and a"
          + " bridge; each Check is decided anew. It takes mutual TLS only, so its rows are those with"
          + " TLS.",
      "",
      "Needs no root. Some seven minutes; --quick less than half."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing.",
      "",
      "Examples:",
      "  kith bench check --quick",
      "  kith bench check --servers kith,null-java-direct --tls on",
      "  KITH_OPA_ENVOY=/opt/opa-envoy kith bench check -o json"
    })
public final class CheckBenchCommand implements Callable<Integer> {
  private static final int QUICK_WARM_UP = 3;

  enum Tls {
    off,
    on
  }

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--servers",
      split = ",",
      paramLabel = "NAME",
      description =
          "Of: kith, kith-bridge (every Check is about a new socket), null-java-direct, null-java,"
              + " null-go, opa (default: all).")
  private Set<String> servers = new LinkedHashSet<>();

  @Option(
      names = "--shapes",
      split = ",",
      paramLabel = "SHAPE",
      description = "Of: l4, l7 (default: both).")
  private Set<Shape> shapes = EnumSet.allOf(Shape.class);

  @Option(
      names = "--tls",
      split = ",",
      paramLabel = "off|on",
      description = "With or without TLS (default: both).")
  private Set<Tls> tls = EnumSet.allOf(Tls.class);

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Time of each measurement (default: 3).")
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
          "Seconds of a processor that Kith has with each shape before its first measurement, and"
              + " half of that the others on a JVM (default: 8).")
  private int warmUp;

  @Option(
      names = "--connections",
      paramLabel = "N",
      defaultValue = "4",
      description = "Envoy workers, each of a pod of its own (default: 4).")
  private int connections;

  @Option(
      names = "--in-flight",
      paramLabel = "N",
      defaultValue = "64",
      description = "Checks on their way at a time, of all connections (default: 64).")
  private int inFlight;

  @Option(
      names = "--sockets",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Source sockets that are asked about in turn (default: 1000).")
  private int sockets;

  @Option(names = "--quick", description = "One second for each measurement, and less to warm up.")
  private boolean quick;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec").commandLine();
    check("--seconds", seconds, 60);
    check("--rounds", rounds, 100);
    check("--warm-up", warmUp, 600);
    check("--connections", connections, 64);
    check("--in-flight", inFlight, 4_096);
    check("--sockets", sockets, 100_000);
    var out = command.getOut();
    var err = command.getErr();
    var machine = machine();
    var cores = Cores.pinned();
    try {
      var figures =
          new CheckBench(plan(), cores, BenchArguments.progress(requireNonNull(spec, "spec")))
              .run();
      figures.lines(machine + "; " + cores.words()).forEach(out::println);
      if (output.isJson()) {
        out.println(figures.json());
      }
      out.flush();
      return 0;
    } catch (MissingToolException e) {
      err.println("kith bench check: " + e.getMessage());
      return 3;
    }
  }

  private CheckBench.Plan plan() {
    return new CheckBench.Plan(
        contenders(),
        shapes,
        tls.stream().map(one -> one == Tls.on).collect(Collectors.toSet()),
        Duration.ofSeconds(quick ? 1 : seconds),
        Duration.ofSeconds(quick ? Math.min(warmUp, QUICK_WARM_UP) : warmUp),
        rounds,
        connections,
        inFlight,
        sockets);
  }

  private Set<Contender> contenders() {
    return BenchArguments.chosen(
        requireNonNull(spec, "spec"), "--servers", servers, Contender.class, Contender::id);
  }

  private void check(String option, int value, int most) {
    BenchArguments.requireUpTo(requireNonNull(spec, "spec"), option, value, most);
  }

  private String machine() {
    return String.format(
        Locale.ROOT,
        "%s; %d connections, %d Checks in flight, %,d sockets",
        BenchArguments.machine(),
        connections,
        inFlight,
        sockets);
  }
}
