package io.kith.server.replay;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.learning.LearningSettings;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Progress;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
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
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith replay}: what the learner and decider would have made of a flow log. */
@Command(
    name = "replay",
    description = {
      "Run a flow log through the learner and the decider that the server runs, on the log's own"
          + " clock. A workload counts as enforced from the moment its baseline is proposed.",
      "No server is needed, and nothing but the files that are named is written.",
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith replay --flows flows.jsonl.gz --inventory pods.jsonl.gz",
      "  kith replay --flows qa.jsonl --finish --save-baselines qa/      then: kith bundle create",
      "  kith replay --flows flows.jsonl.gz --settings kith.yaml --verdicts verdicts.jsonl",
    })
public final class ReplayCommand implements Callable<Integer> {
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

  @Option(
      names = "--vouch-inventory",
      arity = "1..*",
      paramLabel = "FILE",
      description = "When each pod of that environment ran.")
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
      names = "--finish",
      description = {
        "End learning with the log, as at the end of a test run, for what still learns then."
      })
  private boolean finish;

  @Option(
      names = "--save-baselines",
      paramLabel = "DIR",
      description = "Write what was learned, a file of native YAML for each workload.")
  private @Nullable Path saved;

  @Option(names = "--progress", description = "Tell the progress also without a terminal.")
  private boolean progress;

  @Mixin private OutputOption output = new OutputOption();

  @Override
  public Integer call() throws Failure, IOException {
    var command = java.util.Objects.requireNonNull(spec, "picocli sets it").commandLine();
    try {
      replay(command.getOut(), command.getErr());
      return 0;
    } catch (ConfigException | MalformedLineException e) {
      throw Failure.refused(String.valueOf(e.getMessage()));
    } catch (NoSuchFileException e) {
      throw Failure.refused(e.getFile() + ": no such file");
    }
  }

  private void replay(PrintWriter out, PrintWriter err)
      throws IOException, ConfigException, MalformedLineException, Failure {
    var here = Surroundings.of(java.util.Objects.requireNonNull(spec, "picocli sets it"));
    var run =
        new ReplayRun(
            new ReplayRun.Files(
                resolved(here, flows),
                resolved(here, inventory),
                resolved(here, vouchFlows),
                resolved(here, vouchInventory),
                resolved(here, reviews)),
            learning(here),
            strict,
            complaint -> err.println("kith: " + complaint));
    var started = System.nanoTime();
    ReplayRun.Outcome outcome;
    try (var shown = new Progress(err, progress, "flows", run::done)) {
      if (verdicts == null) {
        outcome = run.run((_, _, _) -> shown.step(), finish);
      } else {
        try (var writer = VerdictWriter.create(here.resolve(verdicts))) {
          outcome =
              run.run(
                  (n, flow, verdict) -> {
                    writer.write(n, flow, verdict);
                    shown.step();
                  },
                  finish);
          writer.complete();
        }
      }
    }
    var seconds = (System.nanoTime() - started) / 1e9;
    if (saved != null) {
      SavedBaselines.write(here.resolve(saved), outcome.baselines());
    }
    output.print(
        out,
        SummaryWriter.json(outcome, seconds),
        () -> {
          out.print(SummaryWriter.text(outcome, seconds));
          if (saved != null) {
            out.println();
            out.println(Words.count(outcome.baselines().size(), "baseline") + " in " + saved);
          }
        });
  }

  private static List<Path> resolved(Surroundings here, List<Path> files) {
    return files.stream().map(here::resolve).toList();
  }

  private LearningSettings learning(Surroundings here) throws IOException, ConfigException {
    return settings == null
        ? LearningSettings.defaults()
        : KithConfig.parseLearning(
            settings.toString(), Files.readString(here.resolve(settings)), Map.of());
  }
}
