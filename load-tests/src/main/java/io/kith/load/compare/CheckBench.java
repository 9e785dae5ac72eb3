package io.kith.load.compare;

import io.kith.load.tools.ProcessCost;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** Measures servers in turns, so that what else the machine does is spread over all of them. */
final class CheckBench {
  /**
   * What to measure.
   *
   * @param time of one measurement
   * @param warmUp of a processor's time that Kith has had with each kind of traffic before it is
   *     measured: on a busy machine that takes longer. Other servers on a JVM, which have less
   *     code, have half of it, and the others a second at most
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
      Duration warmUp,
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
  private record Entrant(Contender contender, @Nullable Started started, String why) {}

  /** What a server that runs is asked with one shape, and what it did so far. */
  private record Course(Started server, List<Traffic> traffic, List<Measured.Round> rounds) {}

  private final Plan plan;
  private final Cores cores;
  private final Consumer<String> say;

  CheckBench(Plan plan, Cores cores, Consumer<String> say) {
    this.plan = plan;
    this.cores = cores;
    this.say = say;
  }

  CheckFigures run() throws IOException, InterruptedException {
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
      throws IOException, InterruptedException {
    var entrants = new ArrayList<Entrant>();
    try {
      var here = Files.createDirectories(folder.resolve(tls ? "tls" : "plain"));
      var servers = new Servers(here, cores, identities, plan.connections(), say);
      for (var contender : Contender.values()) {
        if (plan.contenders().contains(contender)) {
          entrants.add(start(servers, contender, tls));
        }
      }
      var contexts = tls ? identities.contexts() : null;
      var courses = new EnumMap<Shape, Map<Contender, Course>>(Shape.class);
      for (var shape : plan.shapes()) {
        courses.put(shape, courses(entrants, shape, tls));
      }
      // All that is measured has run before anything is, and each shape once more after the other:
      // a
      // compiler that has seen one only begins anew with the next.
      for (var pass = 1; pass <= 2; pass++) {
        for (var course : courses.entrySet()) {
          say.accept(course.getKey() + (tls ? ", TLS: " : ": ") + "warming up, " + pass + " of 2");
          warmUp(course.getValue(), contexts);
        }
      }
      var rows = new ArrayList<CheckFigures.Row>();
      for (var course : courses.entrySet()) {
        rows.addAll(measure(entrants, course.getKey(), course.getValue(), contexts));
      }
      return rows;
    } finally {
      for (var entrant : entrants) {
        if (entrant.started() != null) {
          entrant.started().close();
        }
      }
    }
  }

  private void warmUp(Map<Contender, Course> courses, @Nullable List<SSLContext> contexts)
      throws IOException {
    for (var entry : courses.entrySet()) {
      var contender = entry.getKey();
      WarmUp.of(
              contender.isJava(),
              plan.warmUp().dividedBy(contender.isKith() ? 2 : 4),
              plan.perConnection())
          .of(contender.words(), entry.getValue().server(), entry.getValue().traffic(), contexts);
    }
  }

  private Entrant start(Servers servers, Contender contender, boolean tls)
      throws IOException, InterruptedException {
    say.accept("starting " + contender.words() + (tls ? ", TLS" : ""));
    try {
      return new Entrant(contender, servers.start(contender, tls), "");
    } catch (Unmeasured e) {
      return new Entrant(contender, null, String.valueOf(e.getMessage()));
    }
  }

  private Map<Contender, Course> courses(List<Entrant> entrants, Shape shape, boolean tls) {
    var courses = new EnumMap<Contender, Course>(Contender.class);
    for (var entrant : entrants) {
      if (entrant.started() != null) {
        courses.put(
            entrant.contender(),
            new Course(
                entrant.started(), traffic(entrant.contender(), shape, tls), new ArrayList<>()));
      }
    }
    return courses;
  }

  private List<CheckFigures.Row> measure(
      List<Entrant> entrants,
      Shape shape,
      Map<Contender, Course> courses,
      @Nullable List<SSLContext> contexts)
      throws IOException {
    var tls = contexts != null;
    for (var round = 1; round <= plan.rounds(); round++) {
      say.accept(shape + (tls ? ", TLS: " : ": ") + "round " + round + " of " + plan.rounds());
      for (var entry : courses.entrySet()) {
        var rounds = entry.getValue().rounds();
        measure(entry.getKey(), entry.getValue(), contexts);
        say.accept(
            String.format(
                Locale.ROOT,
                "  %s: %,.0f Checks/cpu·s",
                entry.getKey().words(),
                rounds.getLast().perProcessorSecond()));
      }
    }
    var rows = new ArrayList<CheckFigures.Row>();
    for (var entrant : entrants) {
      var course = courses.get(entrant.contender());
      var measured =
          course == null
              ? null
              : Measured.of(
                  course.rounds(), ProcessCost.residentMebibytes(course.server().process().pid()));
      rows.add(new CheckFigures.Row(entrant.contender(), shape, tls, measured, entrant.why()));
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

  private void measure(Contender contender, Course course, @Nullable List<SSLContext> contexts)
      throws IOException {
    var pid = course.server().process().pid();
    try (var driver = Driver.connect(course.server().port(), course.traffic(), contexts)) {
      var _ = driver.run(WarmUp.RAMP, plan.perConnection());
      var before = ProcessCost.processor(pid);
      var answers = driver.run(plan.time(), plan.perConnection());
      var after = ProcessCost.processor(pid);
      WarmUp.requireAllowed(contender.words(), answers);
      course.rounds().add(new Measured.Round(answers, after.minus(before)));
    }
  }
}
