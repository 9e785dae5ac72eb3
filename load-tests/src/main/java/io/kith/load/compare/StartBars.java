package io.kith.load.compare;

import io.kith.load.tools.FreePorts;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.ToDoubleFunction;
import javax.net.ssl.SSLContext;

/** How soon a server that was stopped decides again, and how well it does at first. */
final class StartBars {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration FIRST = Duration.ofSeconds(5);

  /** What the server takes for an answer by default, and what Envoy waits with the recipe. */
  private static final Duration DEADLINE = Duration.ofMillis(400);

  private static final Duration ENVOY_WAITS = Duration.ofMillis(500);

  private StartBars() {}

  /**
   * One start.
   *
   * @param first seconds until the first correct answer
   * @param ready seconds until it said that it is ready
   * @param share Checks a second in the first five seconds, of those when it is warm
   * @param late Checks in that time that were answered too late for Envoy, or not in their time
   * @param slowest the slowest answer of that time
   */
  private record Trial(double first, double ready, double share, long late, Duration slowest) {}

  static List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    var home = bench.folder().resolve("kith");
    try (var identities = new Identities(bench.folder(), BarsBench.Bench.CONNECTIONS)) {
      var checks = FreePorts.next();
      var server =
          new KithServer(
              home,
              identities,
              BarsBench.Bench.CONNECTIONS,
              KithServer.Options.of(home).at(checks).answeringWithin(DEADLINE));
      bench.say().accept("starting Kith, and teaching it");
      var taught =
          new KithServer(home, identities, BarsBench.Bench.CONNECTIONS).start(bench.cores());
      taught.close();
      var trials = new ArrayList<Trial>();
      try (var _ = server.bridge()) {
        for (var i = 1; i <= bench.plan().trials(); i++) {
          var done = trial(bench, server, checks, identities.contexts());
          trials.add(done);
          bench
              .say()
              .accept(
                  String.format(
                      Locale.ROOT,
                      "  start %d of %d: first answer %.2f s, ready %.2f s, first seconds %.2f of"
                          + " warm, %d late",
                      i,
                      bench.plan().trials(),
                      done.first(),
                      done.ready(),
                      done.share(),
                      done.late()));
        }
      }
      return bars(trials);
    }
  }

  private static Trial trial(
      BarsBench.Bench bench, KithServer server, int port, List<SSLContext> contexts)
      throws IOException, InterruptedException {
    var began = System.nanoTime();
    try (var process = server.launch(bench.cores())) {
      var ready = CompletableFuture.supplyAsync(() -> secondsUntilReady(process, began));
      var first = secondsUntilCorrect(port, contexts, began);
      var untilReady = ready.join();
      var started = new Started(process, port, List.of());
      var traffic = traffic();
      Driver.Answers cold;
      try (var driver = Driver.connect(port, traffic, contexts)) {
        cold = driver.run(FIRST, BarsBench.Bench.IN_FLIGHT);
      }
      bench.warmUp("Kith", started, traffic, contexts);
      Driver.Answers warm;
      try (var driver = Driver.connect(port, traffic, contexts)) {
        warm = driver.run(FIRST, BarsBench.Bench.IN_FLIGHT);
      }
      var slowest = Arrays.stream(cold.latencyNanos()).max().orElse(0);
      var late =
          Arrays.stream(cold.latencyNanos()).filter(one -> one > ENVOY_WAITS.toNanos()).count();
      return new Trial(
          first,
          untilReady,
          rate(cold) / rate(warm),
          Math.max(late, cold.denied()) + cold.expired(),
          Duration.ofNanos(slowest));
    }
  }

  private static List<Traffic> traffic() {
    return KithServer.traffic(Shape.l4, BarsBench.Bench.CONNECTIONS, 250);
  }

  private static double rate(Driver.Answers answers) {
    return answers.count() / (answers.elapsed().toNanos() / 1e9);
  }

  private static double secondsUntilReady(RunningProcess process, long began) {
    try {
      KithServer.awaitReady(process);
      return secondsSince(began);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Until a flow that is enforced passes; then a stranger must not. */
  private static double secondsUntilCorrect(int port, List<SSLContext> contexts, long began)
      throws IOException {
    while (true) {
      try (var driver = Driver.connect(port, traffic(), contexts)) {
        while (!driver.allows(0, Traffic.FIRST_PORT)) {
          pause(began);
        }
        var seconds = secondsSince(began);
        if (driver.allows(0, Traffic.STRANGE_PORT)) {
          throw new IllegalStateException("Kith allows a program that is in no baseline");
        }
        return seconds;
      } catch (IOException e) {
        if (System.nanoTime() - began > LIMIT.toNanos()) {
          throw e;
        }
        pause(began);
      }
    }
  }

  private static void pause(long began) {
    if (System.nanoTime() - began > LIMIT.toNanos()) {
      throw new IllegalStateException("no correct answer within " + LIMIT);
    }
    LockSupport.parkNanos(2_000_000);
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  private static List<Bar> bars(List<Trial> trials) {
    return List.of(
        Bar.atMost(
            "first_answer",
            "cold start: first correct answer",
            "s",
            1.5,
            middle(trials, Trial::first),
            "worst " + seconds(trials.stream().mapToDouble(Trial::first).max())),
        Bar.atMost(
            "ready",
            "cold start: ready, warmed up by itself",
            "s",
            15,
            middle(trials, Trial::ready),
            "worst " + seconds(trials.stream().mapToDouble(Trial::ready).max())),
        Bar.atLeast(
            "first_seconds",
            "first 5 s after ready: Checks/s, of those when warm",
            "×",
            0.5,
            middle(trials, Trial::share),
            "least "
                + String.format(
                    Locale.ROOT,
                    "%.2f",
                    trials.stream().mapToDouble(Trial::share).min().orElseThrow())),
        Bar.atMost(
            "first_seconds_late",
            "first 5 s after ready: Checks past their deadline",
            "Checks",
            0,
            (double) trials.stream().mapToLong(Trial::late).sum(),
            "slowest answer "
                + trials.stream()
                    .map(Trial::slowest)
                    .max(Duration::compareTo)
                    .orElseThrow()
                    .toMillis()
                + " ms"));
  }

  private static double middle(List<Trial> trials, ToDoubleFunction<Trial> figure) {
    return Measured.middle(trials.stream().mapToDouble(figure).toArray());
  }

  private static String seconds(OptionalDouble value) {
    return String.format(Locale.ROOT, "%.2f s", value.orElseThrow());
  }
}
