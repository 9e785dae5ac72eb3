package io.kith.server.fuzz;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Fuzzes targets with Jazzer for a while each, keeps the inputs that reach something new, and adds
 * the time to the log beside the corpora.
 *
 * <p>{@code ./kith test -Pfuzz -pl authz-server -Dfuzz.args="SECONDS [TARGET...]"}; Jazzer is on
 * the class path of that profile only. It ends with 1 when something was found; the input is named,
 * and becomes a seed with the fix.
 */
public final class Fuzzing {
  private static final Path LOG = FuzzTarget.CORPORA.resolve("README.md");
  private static final Pattern ROW =
      Pattern.compile("\\| `([a-z-]+)` \\| ([\\d,]+) \\| ([\\d,]+) \\| ([\\d,]+) \\|");

  /** How many inputs there were so far, as it says on the way and at its end. */
  private static final Pattern INPUTS = Pattern.compile("^#(\\d+)\\b", Pattern.MULTILINE);

  private static final int MAX_BYTES = 4_096;

  private Fuzzing() {}

  /** Runs it. */
  public static void main(String[] args) throws Exception {
    if (args.length == 0 || !args[0].matches("[1-9]\\d{0,5}")) {
      System.err.println("expected: SECONDS [TARGET...], with targets of " + words());
      System.exit(2);
    }
    var chosen = Arrays.asList(args).subList(1, args.length);
    if (!words().containsAll(chosen)) {
      System.err.println(chosen + ": not all targets (expected: of " + words() + ")");
      System.exit(2);
    }
    var foundSomething = false;
    for (var target : FuzzTarget.values()) {
      if (chosen.isEmpty() || chosen.contains(target.word())) {
        foundSomething |= !fuzz(target, Duration.ofSeconds(Long.parseLong(args[0])));
      }
    }
    System.exit(foundSomething ? 1 : 0);
  }

  private static List<String> words() {
    return Arrays.stream(FuzzTarget.values()).map(FuzzTarget::word).toList();
  }

  /** Whether nothing was found. */
  private static boolean fuzz(FuzzTarget target, Duration time)
      throws IOException, InterruptedException {
    var work = Files.createTempDirectory("kith-fuzz-" + target.word());
    Files.createDirectories(target.found());
    var outcome =
        jazzer(
            target,
            work,
            List.of(
                work.toString(),
                target.seeds().toString(),
                target.found().toString(),
                "-max_total_time=" + time.toSeconds(),
                "-artifact_prefix=target/"));
    // Of the seeds and of what is known nothing is taken; of the rest what reaches further.
    var merged =
        jazzer(
            target,
            work,
            List.of(
                "-merge=1", target.found().toString(), target.seeds().toString(), work.toString()));
    withoutSeeds(target);
    note(target, outcome);
    remove(work);
    return outcome.exit() == 0 && merged.exit() == 0;
  }

  /**
   * How a run ended.
   *
   * @param time by the clock
   * @param processor what it took of one, to the second: less than its time where others run
   */
  private record Outcome(int exit, String output, Duration time, Duration processor) {
    /** That were tried; also where one of them found something. */
    long inputs() {
      return INPUTS
          .matcher(output)
          .results()
          .mapToLong(one -> Long.parseLong(one.group(1)))
          .max()
          .orElse(0);
    }
  }

  private static Outcome jazzer(FuzzTarget target, Path work, List<String> arguments)
      throws IOException, InterruptedException {
    var argv =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+EnableDynamicAgentLoading",
                "-Xmx512m",
                "-cp",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + target.type().getName(),
                "--instrumentation_includes=io.kith.**",
                "--reproducer_path=target",
                "-max_len=" + MAX_BYTES));
    argv.addAll(arguments);
    var log = work.resolveSibling(work.getFileName() + ".log");
    var began = System.nanoTime();
    var process =
        new ProcessBuilder(argv).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    var processor = Duration.ZERO;
    while (!process.waitFor(1, TimeUnit.SECONDS)) {
      processor = process.info().totalCpuDuration().orElse(processor);
    }
    var time = Duration.ofNanos(System.nanoTime() - began);
    var exit = process.exitValue();
    var output = Files.readString(log);
    System.out.println("== " + target.word() + ", ended with " + exit);
    output
        .lines()
        .skip(Math.max(0, output.lines().count() - (exit == 0 ? 3 : 60)))
        .forEach(System.out::println);
    Files.delete(log);
    return new Outcome(exit, output, time, processor);
  }

  /** A merge copies seeds as well. */
  private static void withoutSeeds(FuzzTarget target) throws IOException {
    var seeds = new ArrayList<byte[]>();
    for (var seed : list(target.seeds())) {
      seeds.add(Files.readAllBytes(seed));
    }
    for (var file : list(target.found())) {
      var data = Files.readAllBytes(file);
      if (seeds.stream().anyMatch(seed -> Arrays.equals(seed, data))) {
        Files.delete(file);
      }
    }
  }

  private static List<Path> list(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static void note(FuzzTarget target, Outcome outcome) throws IOException {
    var text =
        ROW.matcher(Files.readString(LOG))
            .replaceAll(
                row ->
                    row.group(1).equals(target.word())
                        ? "| `%s` | %,d | %,d | %,d |"
                            .formatted(
                                target.word(),
                                number(row.group(2)) + outcome.time().toSeconds(),
                                number(row.group(3)) + outcome.processor().toSeconds(),
                                number(row.group(4)) + outcome.inputs())
                        : row.group());
    Files.writeString(LOG, text);
  }

  private static long number(String words) {
    return Long.parseLong(words.replace(",", ""));
  }

  private static void remove(Path folder) {
    try (var files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
