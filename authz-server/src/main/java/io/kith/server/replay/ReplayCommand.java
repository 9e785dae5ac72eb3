package io.kith.server.replay;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.learning.LearningSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith replay}: what the learner and decider would have made of a flow log. */
@Command(
    name = "replay",
    description = {
      "Runs a flow log through the learner and the decider that the server runs,",
      "on the log's own clock. A workload counts as enforced from the moment its",
      "baseline is proposed."
    },
    mixinStandardHelpOptions = true)
public final class ReplayCommand implements Callable<Integer> {
  private static final long PROGRESS_NANOS = 1_000_000_000L;

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--flows",
      required = true,
      arity = "1..*",
      paramLabel = "FILE",
      description = "Flow logs, JSON Lines, plain or gzip'd; merged by time.")
  private List<Path> flows = List.of();

  @Option(
      names = "--inventory",
      arity = "1..*",
      paramLabel = "FILE",
      description = "When each pod ran: learning clocks start at a pod's start.")
  private List<Path> inventory = List.of();

  @Option(
      names = "--vouch-flows",
      arity = "1..*",
      paramLabel = "FILE",
      description = "The log of another environment, as a voucher.")
  private List<Path> vouchFlows = List.of();

  @Option(names = "--vouch-inventory", arity = "1..*", paramLabel = "FILE")
  private List<Path> vouchInventory = List.of();

  @Option(
      names = "--reviews",
      arity = "1..*",
      paramLabel = "FILE",
      description = "Answers that an operator would give to review items.")
  private List<Path> reviews = List.of();

  @Option(
      names = "--settings",
      paramLabel = "FILE",
      description = "A kith.yaml, of which only the section learning is read.")
  private @Nullable Path settings;

  @Option(
      names = "--verdicts",
      paramLabel = "OUT.jsonl",
      description = "Where to write one verdict per flow.")
  private @Nullable Path verdicts;

  @Option(names = "--strict", description = "Stop at the first malformed line.")
  private boolean strict;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "text|json",
      description = "How the summary is written (default: text).")
  private String output = "text";

  @Override
  public Integer call() {
    var command = java.util.Objects.requireNonNull(spec, "picocli sets it").commandLine();
    var out = command.getOut();
    var err = command.getErr();
    if (!output.equals("text") && !output.equals("json")) {
      err.println("kith replay: -o: '" + output + "' (expected: text or json)");
      return 2;
    }
    try {
      replay(out, err);
      return 0;
    } catch (ConfigException | MalformedLineException e) {
      err.println("kith replay: " + e.getMessage());
    } catch (NoSuchFileException e) {
      err.println("kith replay: " + e.getFile() + ": there is no such file");
    } catch (IOException e) {
      err.println("kith replay: " + e.getMessage());
    }
    return 1;
  }

  private void replay(PrintWriter out, PrintWriter err)
      throws IOException, ConfigException, MalformedLineException {
    var run =
        new ReplayRun(
            new ReplayRun.Files(flows, inventory, vouchFlows, vouchInventory, reviews),
            learning(),
            strict,
            complaint -> err.println("kith replay: " + complaint));
    var started = System.nanoTime();
    var progress = new Progress(err, started);
    ReplayRun.Outcome outcome;
    if (verdicts == null) {
      outcome = run.run((n, _, _) -> progress.at(n));
    } else {
      try (var writer = VerdictWriter.create(verdicts)) {
        outcome =
            run.run(
                (n, flow, verdict) -> {
                  writer.write(n, flow, verdict);
                  progress.at(n);
                });
      }
    }
    progress.end();
    var seconds = (System.nanoTime() - started) / 1e9;
    if (output.equals("json")) {
      out.println(SummaryWriter.json(outcome, seconds));
    } else {
      out.print(SummaryWriter.text(outcome, seconds));
    }
    out.flush();
  }

  private LearningSettings learning() throws IOException, ConfigException {
    return settings == null
        ? LearningSettings.defaults()
        : KithConfig.parseLearning(settings.toString(), Files.readString(settings), Map.of());
  }

  /** Whether somebody watches. */
  @SuppressWarnings("SystemConsoleNull") // null without the module jdk.internal.le
  private static boolean isWatched() {
    var console = System.console();
    return console != null && console.isTerminal();
  }

  /** A line on the error stream each second, for people who wait at a terminal. */
  private static final class Progress {
    private final PrintWriter err;
    private final long started;
    private final boolean shown = isWatched();
    private long next;
    private boolean used;

    Progress(PrintWriter err, long started) {
      this.err = err;
      this.started = started;
      this.next = started + PROGRESS_NANOS;
    }

    void at(long n) {
      if (!shown || (n & 0xfff) != 0) {
        return;
      }
      var now = System.nanoTime();
      if (now >= next) {
        next = now + PROGRESS_NANOS;
        used = true;
        err.printf("\r%,d flows, %,.0f/s", n, n / ((now - started) / 1e9));
        err.flush();
      }
    }

    void end() {
      if (used) {
        err.println();
      }
    }
  }
}
