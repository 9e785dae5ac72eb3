package io.kith.load.compare;

import io.kith.load.tools.Command;
import io.kith.load.tools.ProcessCost;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SSLContext;

/** What a large mesh costs: Checks a second, and memory. */
final class ScaleBars {
  /** Of each mesh so many are asked. */
  private static final int PODS = 10;

  private static final Duration LIMIT = Duration.ofMinutes(30);

  /** What compilers needed goes back to the kernel every five seconds, in a server as well. */
  private static final Duration SETTLED = Duration.ofSeconds(12);

  private static final double MIB = 1 << 20;

  private ScaleBars() {}

  static List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    var plan = bench.plan();
    try (var identities = new Identities(bench.folder(), PODS);
        var few = start(bench, identities, plan.few());
        var some = start(bench, identities, plan.some());
        var many = start(bench, identities, plan.workloads())) {
      var traffic = KithServer.traffic(Shape.l4, PODS, 100);
      var contexts = identities.contexts();
      for (var server : List.of(few, some, many)) {
        requireDecisions(server, contexts);
        bench.warmUp("Kith", server, traffic, contexts);
      }
      var these = new ArrayList<Measured.Round>();
      var those = new ArrayList<Measured.Round>();
      for (var i = 0; i < plan.rounds(); i++) {
        those.add(bench.round(words(plan.few()), few, traffic, contexts));
        these.add(bench.round(words(plan.workloads()), many, traffic, contexts));
      }
      bench.say().accept("letting the compilers' memory go");
      Thread.sleep(SETTLED);
      return List.of(
          Bar.atLeast(
              "scale",
              String.format(
                  Locale.ROOT,
                  "%,d workloads: Checks/cpu·s, of those at %,d",
                  plan.workloads(),
                  plan.few()),
              "×",
              0.9,
              BarsBench.Bench.ratio(these, those),
              BarsBench.Bench.perProcessorSecond(these)
                  + " and "
                  + BarsBench.Bench.perProcessorSecond(those)),
          Bar.atMost(
              "resident",
              "resident memory at " + words(plan.some()),
              "MiB",
              200,
              resident(some) / MIB,
              SETTLED.toSeconds() + " s after the load"),
          Bar.atMost(
              "resident_per_workload",
              "resident memory per further workload of 30 edges",
              "KiB",
              10,
              (resident(many) - resident(some)) / 1_024 / (plan.workloads() - plan.some()),
              String.format(
                  Locale.ROOT, "%,.0f MiB at %s", resident(many) / MIB, words(plan.workloads()))));
    }
  }

  private static String words(int workloads) {
    return String.format(Locale.ROOT, "%,d workloads", workloads);
  }

  private static double resident(Started server) throws IOException {
    return ProcessCost.residentKibibytes(server.process().pid()) * 1_024.0;
  }

  private static Started start(BarsBench.Bench bench, Identities identities, int workloads)
      throws IOException, InterruptedException {
    var home = Files.createDirectories(bench.folder().resolve("of-" + workloads));
    var pods = Math.min(PODS, workloads);
    var server = new KithServer(home, identities, pods);
    var config = Files.writeString(home.resolve("kith.yaml"), server.config("  []\n"));
    bench.say().accept("making baselines of " + words(workloads));
    var filling = new ArrayList<>(bench.cores().bothPrefix()); // nothing is measured meanwhile
    filling.addAll(
        JavaProgram.argv(LoadedServer.class, LoadedServer.fill(config, workloads, pods)));
    Command.run(LIMIT, filling).orFail();
    bench.say().accept("starting Kith with " + words(workloads));
    return server.join(
        bench.cores(),
        JavaProgram.around(LoadedServer.class, LoadedServer.serve(config, workloads, pods)));
  }

  private static void requireDecisions(Started server, List<SSLContext> contexts)
      throws IOException {
    try (var driver =
        Driver.connect(
            server.port(), KithServer.traffic(Shape.l4, PODS, KithServer.EDGES), contexts)) {
      KithServer.requireDecisions(driver, PODS);
    }
  }
}
