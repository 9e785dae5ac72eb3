package io.kith.load.bench;

import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What the commands of benchmarks say alike. */
public final class BenchArguments {
  private BenchArguments() {}

  /** Refuses a number that is less than one or too large. */
  public static void requireUpTo(CommandSpec spec, String option, int value, int most) {
    if (value < 1 || value > most) {
      throw refused(
          spec, String.format(Locale.ROOT, "%s: %d (expected: 1 to %,d)", option, value, most));
    }
  }

  /** Wrong arguments: exit code 2, with the message. */
  public static ParameterException refused(CommandSpec spec, String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Processors and Java. */
  public static String machine() {
    return String.format(
        Locale.ROOT,
        "%d processors (%s), Java %s",
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.arch"),
        System.getProperty("java.version"));
  }
}
