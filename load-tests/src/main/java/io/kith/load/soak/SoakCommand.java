package io.kith.load.soak;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.BenchArguments;
import io.kith.load.bench.JsonOption;
import io.kith.load.tools.ToolCache;
import io.kith.server.verb.Words;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bench soak}. */
@Command(
    name = "soak",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Keeps a server busy for long, and tells whether its memory or its latency drifts: a server"
          + " as delivered with a store, pods with connections that come and go, a bridge that does"
          + " too, rules and modes that change. Every verdict is compared with what it has to be.",
      "",
      "A line of the state file is written for each window, so nothing measured is lost when it is"
          + " interrupted. --resume goes on with another server; --resume --for 0s only tells.",
      "",
      "Needs no root."
    },
    footer = {
      "",
      "Exit codes: 0 no verdict was wrong, 1 one was, or something failed, 2 wrong arguments.",
      "",
      "Examples:",
      "  kith bench soak --for 15m --rate 200",
      "  kith bench soak --for 8h --state night.jsonl",
      "  kith bench soak --for 8h --state night.jsonl --resume"
    })
public final class SoakCommand implements Callable<Integer> {
  /** While the compiler is at work, memory grows and latency falls. */
  private static final Duration SETTLING = Duration.ofMinutes(2);

  private static final int BRIDGE_EVERY = 5;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--for",
      paramLabel = "TIME",
      defaultValue = "5m",
      description = "How long, as 90s, 15m, 8h (default: 5m).")
  private String time = "5m";

  @Option(
      names = "--rate",
      paramLabel = "N",
      defaultValue = "500",
      description = "Checks a second (default: 500).")
  private int rate;

  @Option(
      names = "--window",
      paramLabel = "TIME",
      defaultValue = "10s",
      description = "Traffic before the server is looked at (default: 10s).")
  private String window = "10s";

  @Option(
      names = "--state",
      paramLabel = "FILE",
      defaultValue = "kith-soak.jsonl",
      description = "What was measured so far (default: kith-soak.jsonl).")
  private Path state = Path.of("kith-soak.jsonl");

  @Option(names = "--resume", description = "Go on with what is in the state file.")
  private boolean resume;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec");
    BenchArguments.requireUpTo(command, "--rate", rate, 1_000_000);
    var time = duration("--for", this.time);
    var window = duration("--window", this.window);
    if (window.isZero()) {
      throw BenchArguments.refused(command, "--window: 0 (expected: 1s or more)");
    }
    var say = BenchArguments.progress(command);
    SoakState measured;
    try {
      measured = resume ? SoakState.resume(state) : SoakState.create(state);
    } catch (SoakState.NoStateException e) {
      throw BenchArguments.refused(command, "--state: " + e.getMessage());
    }
    if (!time.isZero()) {
      say.accept("each window is written to " + state.toAbsolutePath().normalize());
      var folder = Files.createTempDirectory("kith-soak-");
      try {
        Soak.run(
            folder,
            new Soak.Plan(time, rate, window, window.multipliedBy(2), BRIDGE_EVERY),
            measured,
            say);
      } finally {
        ToolCache.delete(folder);
      }
    }
    var report = new SoakReport(measured.windows(), settling(time).toSeconds());
    var out = command.commandLine().getOut();
    report.lines(BenchArguments.machine()).forEach(out::println);
    if (output.isJson()) {
      out.println(report.json());
    }
    out.flush();
    return report.wrong() == 0 ? 0 : 1;
  }

  /** A third of a short run. */
  private static Duration settling(Duration time) {
    var third = time.dividedBy(3);
    return time.isZero() || third.compareTo(SETTLING) > 0 ? SETTLING : third;
  }

  private Duration duration(String option, String text) {
    try {
      return Words.duration(text);
    } catch (IllegalArgumentException e) {
      throw BenchArguments.refused(requireNonNull(spec, "spec"), option + ": " + e.getMessage());
    }
  }
}
