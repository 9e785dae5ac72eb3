package io.kith.load.compare;

import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** Measures servers in turns, so that what else the machine does is spread over all of them. */
final class CheckBench {
  private static final Duration RAMP = Duration.ofMillis(300);
  private static final Duration WARM_UP_LIMIT = Duration.ofMinutes(1);

  /**
   * What to measure.
   *
   * @param time of one measurement
   * @param warmUp Checks that each server answers with each kind of traffic before it is measured,
   *     within a minute: on a busy machine a time would not do
   * @param rounds measurements of each
   * @param connections one for each Envoy worker, of a pod of its own
   * @param inFlight Checks that wait for an answer, on all connections together
   * @param sockets that are asked about in turn, of all pods together
   */
  record Plan(
      Set<Contender> contenders,
      Set<Shape> shapes,
      Set<Boolean> tls,
      Duration time,
      int warmUp,
      int rounds,
      int connections,
      int inFlight,
      int sockets) {
    Plan {
      contenders = Set.copyOf(contenders);
      shapes = Set.copyOf(shapes);
      tls = Set.copyOf(tls);
    }

    int perConnection() {
      return Math.max(1, inFlight / connections);
    }
  }

  /** A server that runs, or why it does not. */
  private record Entrant(@Nullable Started started, String why) {}

  private final Plan plan;
  private final Cores cores;
  private final Consumer<String> say;

  CheckBench(Plan plan, Cores cores, Consumer<String> say) {
    this.plan = plan;
    this.cores = cores;
    this.say = say;
  }

  CheckFigures run() throws Exception {
    var folder = Files.createTempDirectory("kith-bench-");
    var rows = new ArrayList<CheckFigures.Row>();
    try (var identities = new Identities(folder, plan.connections())) {
      for (var tls : List.of(false, true)) {
        if (plan.tls().contains(tls)) {
          rows.addAll(compare(folder, identities, tls));
        }
      }
    } finally {
      ToolCache.delete(folder);
    }
    return new CheckFigures(rows);
  }

  private List<CheckFigures.Row> compare(Path folder, Identities identities, boolean tls)
      throws Exception {
    var entrants = new EnumMap<Contender, Entrant>(Contender.class);
    try {
      var here = Files.createDirectories(folder.resolve(tls ? "tls" : "plain"));
      var servers = new Servers(here, cores, identities, plan.connections(), say);
      for (var contender : Contender.values()) {
        if (plan.contenders().contains(contender)) {
          entrants.put(contender, start(servers, contender, tls));
        }
      }
      var contexts = tls ? identities.contexts() : null;
      var rows = new ArrayList<CheckFigures.Row>();
      for (var shape : Shape.values()) {
        if (plan.shapes().contains(shape)) {
          rows.addAll(measure(entrants, shape, contexts));
        }
      }
      return rows;
    } finally {
      for (var entrant : entrants.values()) {
        if (entrant.started() != null) {
          entrant.started().close();
        }
      }
    }
  }

  private Entrant start(Servers servers, Contender contender, boolean tls)
      throws IOException, InterruptedException {
    say.accept("starting " + contender.words() + (tls ? ", TLS" : ""));
    try {
      return new Entrant(servers.start(contender, tls), "");
    } catch (Unmeasured e) {
      return new Entrant(null, String.valueOf(e.getMessage()));
    }
  }

  private List<CheckFigures.Row> measure(
      Map<Contender, Entrant> entrants, Shape shape, @Nullable List<SSLContext> contexts)
      throws IOException {
    var tls = contexts != null;
    var traffic = new EnumMap<Contender, List<Traffic>>(Contender.class);
    var rounds = new EnumMap<Contender, List<Measured.Round>>(Contender.class);
    for (var contender : entrants.keySet()) {
      traffic.put(contender, traffic(contender, shape, tls));
      rounds.put(contender, new ArrayList<>());
    }
    for (var round = 0; round <= plan.rounds(); round++) {
      say.accept(
          shape
              + (tls ? ", TLS: " : ": ")
              + (round == 0 ? "warming up" : "round " + round + " of " + plan.rounds()));
      for (var entry : entrants.entrySet()) {
        var contender = entry.getKey();
        var started = entry.getValue().started();
        if (started != null && round == 0) {
          warmUp(contender, started, traffic.get(contender), contexts);
        } else if (started != null) {
          var measured = round(started, traffic.get(contender), contexts);
          requireAllowed(contender, measured.answers());
          rounds.get(contender).add(measured);
        }
      }
    }
    var rows = new ArrayList<CheckFigures.Row>();
    for (var entry : entrants.entrySet()) {
      var started = entry.getValue().started();
      rows.add(
          new CheckFigures.Row(
              entry.getKey(),
              shape,
              tls,
              started == null
                  ? null
                  : Measured.of(
                      rounds.get(entry.getKey()),
                      ProcessCost.residentMebibytes(started.process().pid())),
              entry.getValue().why()));
    }
    return rows;
  }

  private List<Traffic> traffic(Contender contender, Shape shape, boolean tls) {
    var sockets =
        contender == Contender.KITH_BRIDGE
            ? Traffic.ALL_NEW
            : Math.max(1, plan.sockets() / plan.connections());
    var all = new ArrayList<Traffic>();
    for (var i = 0; i < plan.connections(); i++) {
      all.add(new Traffic(shape, tls, i, sockets));
    }
    return all;
  }

  private void warmUp(
      Contender contender,
      Started server,
      List<Traffic> traffic,
      @Nullable List<SSLContext> contexts)
      throws IOException {
    try (var driver = Driver.connect(server.port(), traffic, contexts)) {
      var end = System.nanoTime() + WARM_UP_LIMIT.toNanos();
      for (var count = 0; count < plan.warmUp() && System.nanoTime() - end < 0; ) {
        var answers = driver.run(RAMP, plan.perConnection());
        requireAllowed(contender, answers);
        count += answers.count();
      }
    }
  }

  private Measured.Round round(
      Started server, List<Traffic> traffic, @Nullable List<SSLContext> contexts)
      throws IOException {
    try (var driver = Driver.connect(server.port(), traffic, contexts)) {
      var _ = driver.run(RAMP, plan.perConnection());
      var before = ProcessCost.processor(server.process().pid());
      var answers = driver.run(plan.time(), plan.perConnection());
      var after = ProcessCost.processor(server.process().pid());
      return new Measured.Round(answers, after.minus(before));
    }
  }

  /** All that is asked in a measurement is allowed, by every server that looks at it. */
  private static void requireAllowed(Contender contender, Driver.Answers answers) {
    if (answers.denied() > 0) {
      throw new IllegalStateException(
          "%s denied %d of %d Checks that it should allow"
              .formatted(contender.words(), answers.denied(), answers.count()));
    }
  }
}
