package io.kith.load.score;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.server.replay.ReplayCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Scores {@code kith replay} on a labelled log: false denials and what is protected, attacks and
 * poison that are stopped, questions and waiting that it costs.
 *
 * <p>Black box: the log is merged and stripped of its labels, replayed by the command, and the
 * verdicts are compared.
 */
@Command(
    name = "score",
    description = {
      "How well the learner does on a labelled flow log: false denials and what is protected,"
          + " attacks and poison that are stopped, questions and waiting that it costs.",
      "The log is merged with the attacks, stripped of its labels, run through kith replay, and the"
          + " verdicts are compared; then once more without the attacks, for what that costs.",
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:scored", "1:a file cannot be read", "2:wrong arguments"},
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith score --flows LOG/app.prod.jsonl.gz --inventory LOG/app.prod.pods.jsonl.gz \\",
      "             --attacks LOG/app.attacks.jsonl.gz --learning '{window: 7d}' --details",
    })
public final class Scorer implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final double DAY = 86_400;

  @Option(names = "--flows", required = true, description = "Benign flows, labelled.")
  private Path flows = Path.of("");

  @Option(names = "--inventory", description = "Inventory of the flows.")
  private @Nullable Path inventory;

  @Option(names = "--attacks", description = "Attack flows to be merged.")
  private @Nullable Path attacks;

  @Option(names = "--poison", description = "Attacks during learning to be merged.")
  private @Nullable Path poison;

  @Option(names = "--vouch-flows", description = "Another environment, for the attended column.")
  private @Nullable Path vouchFlows;

  @Option(names = "--vouch-inventory", description = "Inventory of that environment.")
  private @Nullable Path vouchInventory;

  @Option(names = "--reviews", description = "Answers, for the attended column.")
  private @Nullable Path reviews;

  @Option(
      names = "--learning",
      description = "The section learning in one line, as '{window: 7d}'; default: the defaults.")
  private String learning = "{}";

  @Option(
      names = "--judge-from",
      description = "Seconds after the log's start from which flows are judged (14.5 days).")
  private double judgeFrom = 14.5 * DAY;

  @Option(names = "--progress", description = "Tell the progress also without a terminal.")
  private boolean progress;

  @Option(names = "--details", description = "Names what was missed and denied.")
  private boolean details;

  @Override
  public Integer call() throws IOException {
    try {
      return scored();
    } catch (NoSuchFileException e) {
      System.err.println("kith: " + e.getFile() + ": no such file");
      return 1;
    }
  }

  private int scored() throws IOException {
    var work = Files.createTempDirectory("kith-score");
    try {
      return score(work);
    } finally {
      try (var files = Files.list(work)) {
        for (var file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(work);
    }
  }

  private int score(Path work) throws IOException {
    var settings = Files.writeString(work.resolve("kith.yaml"), "learning: " + learning + "\n");
    var all = new ArrayList<Path>(List.of(flows));
    if (attacks != null) {
      all.add(attacks);
    }
    if (poison != null) {
      all.add(poison);
    }
    var log = work.resolve("all.jsonl.gz");
    tell("1 of 3: merging the logs");
    var truths = MergedLog.write(all, log);
    var verdicts = work.resolve("verdicts.jsonl");
    tell("2 of 3: replaying " + truths.size() + " flows");
    var merged = replay(log, settings, verdicts);
    var benign = work.resolve("benign.jsonl.gz");
    MergedLog.write(List.of(flows), benign);
    tell("3 of 3: replaying them without attacks and poison");
    var alone = replay(benign, settings, null);
    if (merged == null || alone == null) {
      return 1;
    }
    var start = truths.isEmpty() ? 0 : truths.getFirst().time();
    var score = new Score(start + judgeFrom, upgrade());
    compare(truths, verdicts, score);
    print(score, merged, alone);
    return 0;
  }

  private static void tell(String step) {
    System.err.println("kith: " + step);
  }

  private @Nullable JsonNode replay(Path log, Path settings, @Nullable Path verdicts)
      throws IOException {
    var args = new ArrayList<>(List.of("--flows", log.toString(), "-o", "json"));
    args.addAll(List.of("--settings", settings.toString()));
    add(args, "--inventory", inventory);
    add(args, "--vouch-flows", vouchFlows);
    add(args, "--vouch-inventory", vouchInventory);
    add(args, "--reviews", reviews);
    add(args, "--verdicts", verdicts);
    if (progress) {
      args.add("--progress");
    }
    var out = new StringWriter();
    var code =
        new CommandLine(new ReplayCommand())
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(System.err, true, java.nio.charset.StandardCharsets.UTF_8))
            .setExecutionExceptionHandler(
                (failure, command, _) -> {
                  command.getErr().println("kith: " + failure.getMessage());
                  return 1;
                })
            .execute(args.toArray(String[]::new));
    return code == 0 ? JSON.readTree(out.toString()) : null;
  }

  private static void add(List<String> args, String option, @Nullable Path file) {
    if (file != null) {
      args.addAll(List.of(option, file.toString()));
    }
  }

  private static void compare(List<Truth> truths, Path verdicts, Score score) throws IOException {
    try (var lines = MergedLog.open(verdicts)) {
      for (var truth : truths) {
        var line = lines.readLine();
        if (line == null) {
          throw new IOException("fewer verdicts than flows");
        }
        var verdict = JSON.readTree(line);
        score.add(
            truth,
            verdict.path("mode").asText().equals("enforce"),
            verdict.path("verdict").asText().equals("deny"),
            String.format(
                Locale.ROOT,
                "day %.2f %s %s %s",
                (truth.time() - truths.getFirst().time()) / DAY,
                truth.app(),
                verdict.path("reason").asText(),
                verdict.path("review").asText()));
      }
    }
  }

  /** The hour in which most workloads first ran another image than their first; NaN if none. */
  private double upgrade() throws IOException {
    if (inventory == null) {
      return Double.NaN;
    }
    var seen = new HashMap<String, Map<String, Double>>();
    try (var lines = MergedLog.open(inventory)) {
      for (var line = lines.readLine(); line != null; line = lines.readLine()) {
        var pod = JSON.readTree(line);
        seen.computeIfAbsent(pod.path("app").asText(), _ -> new TreeMap<>())
            .merge(pod.path("digest").asText(), pod.path("start").asDouble(), Math::min);
      }
    }
    var starts = new TreeMap<Long, List<Double>>();
    for (var digests : seen.values()) {
      var first = digests.values().stream().mapToDouble(d -> d).min().orElse(0);
      for (var start : digests.values()) {
        if (start > first) {
          starts.computeIfAbsent((long) (start / 3_600), _ -> new ArrayList<>()).add(start);
        }
      }
    }
    var most = Double.NaN;
    var count = 0;
    for (var hour : starts.values()) {
      if (hour.size() > count) {
        count = hour.size();
        most = hour.stream().mapToDouble(d -> d).min().orElse(Double.NaN);
      }
    }
    return most;
  }

  private void print(Score score, JsonNode merged, JsonNode alone) {
    var out = System.out;
    out.printf(
        Locale.ROOT,
        "%-36s %.2f (%d of %d)%n",
        "false denials per 10,000",
        score.falsePerTenThousand(),
        score.falseDenials(),
        score.judged());
    out.printf(Locale.ROOT, "%-36s %.4f%n", "protected share", score.protectedShare());
    score
        .stopped()
        .forEach(
            (type, counts) ->
                out.printf(
                    Locale.ROOT,
                    "%-36s %.3f (%d of %d)%n",
                    "attack cases stopped, " + type,
                    counts[0] / (double) counts[1],
                    counts[0],
                    counts[1]));
    out.printf("%-36s %d of %d%n", "poison stopped", score.poisonStopped(), score.poisonCases());
    out.printf(
        Locale.ROOT,
        "%-36s %.3f %%%n",
        "kept in the 24 h after the upgrade",
        score.keptAfterUpgrade() * 100);
    out.printf(
        Locale.ROOT,
        "%-36s %.2f (with attacks and poison: %.2f)%n",
        "review items per workload",
        perWorkload(alone, "reviews"),
        perWorkload(merged, "reviews"));
    out.printf(
        Locale.ROOT, "%-36s %.1f h%n", "median time to enforcement", medianReady(alone) / 3_600);
    out.printf(
        Locale.ROOT,
        "%-36s %.0f flows/s%n",
        "replay",
        merged.path("flows").asDouble() / Math.max(1e-3, merged.path("seconds").asDouble()));
    if (details) {
      out.println("false denials by class: " + score.falseByType());
      score.examples().forEach(example -> out.println("  " + example));
      score
          .apart()
          .forEach(
              (type, counts) ->
                  out.printf("reported apart: %s: %d of %d denied%n", type, counts[1], counts[0]));
      out.println("attacks missed: " + score.missed());
      out.println("poison missed: " + score.poisonMissed());
    }
  }

  private static double perWorkload(JsonNode summary, String field) {
    var sum = 0.0;
    for (var workload : summary.path("workloads")) {
      sum += workload.path(field).asDouble();
    }
    return sum / Math.max(1, summary.path("workloads").size());
  }

  private static double medianReady(JsonNode summary) {
    var times = new ArrayList<Double>();
    for (var workload : summary.path("workloads")) {
      times.add(
          workload.path("ready_after_s").isNumber()
              ? workload.path("ready_after_s").asDouble()
              : Double.POSITIVE_INFINITY);
    }
    times.sort(null);
    return times.isEmpty() ? Double.NaN : times.get(times.size() / 2);
  }
}
