package io.kith.load.compare;

import io.kith.load.tools.ProcessCost;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Asks a server until it has had its time of a processor: on a busy machine that takes longer. A
 * compiler that still works takes its time from what is measured first.
 *
 * @param processor time that a server gets with each kind of traffic
 * @param perConnection Checks in flight on each connection
 */
record WarmUp(Duration processor, int perConnection) {
  static final Duration RAMP = Duration.ofMillis(300);
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** Enough for a program that was compiled before. */
  private static final Duration COMPILED = Duration.ofSeconds(1);

  /** Of a server that is compiled while it runs, or not. */
  static WarmUp of(boolean java, Duration processor, int perConnection) {
    return new WarmUp(
        java || processor.compareTo(COMPILED) < 0 ? processor : COMPILED, perConnection);
  }

  void of(
      String server, Started started, List<Traffic> traffic, @Nullable List<SSLContext> contexts)
      throws IOException {
    var pid = started.process().pid();
    try (var driver = Driver.connect(started.port(), traffic, contexts)) {
      var end = System.nanoTime() + LIMIT.toNanos();
      var enough = ProcessCost.processor(pid).plus(processor);
      while (ProcessCost.processor(pid).compareTo(enough) < 0 && System.nanoTime() - end < 0) {
        requireAllowed(server, driver.run(RAMP, perConnection));
      }
    }
  }

  /** All that is asked in a measurement is allowed, by every server that looks at it. */
  static void requireAllowed(String server, Driver.Answers answers) {
    requireAllowed(server, answers, () -> "");
  }

  /**
   * The same.
   *
   * @param said what the server said for itself
   */
  static void requireAllowed(String server, Driver.Answers answers, Supplier<String> said) {
    if (answers.denied() > 0) {
      throw new IllegalStateException(
          "%s denied %d of %d that it should allow\n%s"
              .formatted(server, answers.denied(), answers.count(), said.get())
              .strip());
    }
  }
}
