package io.kith.load.bench;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
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

  /** Tells what is done at the moment, on the error stream. */
  public static Consumer<String> progress(CommandSpec spec) {
    var err = spec.commandLine().getErr();
    return step -> {
      err.println("kith: " + step);
      err.flush();
    };
  }

  /**
   * What was named on the command line, of all there are.
   *
   * @param names none: all
   * @param id the name of each
   */
  public static <E extends Enum<E>> Set<E> chosen(
      CommandSpec spec, String option, Set<String> names, Class<E> type, Function<E, String> id) {
    var all = EnumSet.allOf(type);
    if (names.isEmpty()) {
      return all;
    }
    var chosen = EnumSet.noneOf(type);
    for (var name : names) {
      chosen.add(
          all.stream()
              .filter(one -> id.apply(one).equals(name))
              .findFirst()
              .orElseThrow(
                  () ->
                      refused(
                          spec,
                          option
                              + ": '"
                              + name
                              + "' (expected: "
                              + all.stream().map(id).collect(Collectors.joining(", "))
                              + ")")));
    }
    return chosen;
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
