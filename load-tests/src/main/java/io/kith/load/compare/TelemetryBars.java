package io.kith.load.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What telemetry costs while nobody takes it. */
final class TelemetryBars {
  /** Nobody listens at the port for discarding. */
  private static final String DEAD = "{otlp: {endpoint: \"http://127.0.0.1:9\"}}";

  private TelemetryBars() {}

  static List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    var off = bench.folder().resolve("off");
    var on = bench.folder().resolve("on");
    var pods = BarsBench.Bench.CONNECTIONS;
    bench.say().accept("starting Kith without telemetry, and with an exporter that is dead");
    try (var identities = new Identities(bench.folder(), pods);
        var without = new KithServer(off, identities, pods).start(bench.cores());
        var with =
            new KithServer(on, identities, pods, KithServer.Options.of(on).withTelemetry(DEAD))
                .start(bench.cores())) {
      var traffic = KithServer.traffic(Shape.l7, pods, 250);
      var contexts = identities.contexts();
      bench.warmUp("telemetry off", without, traffic, contexts);
      bench.warmUp("telemetry on, exporter dead", with, traffic, contexts);
      var these = new ArrayList<Measured.Round>();
      var those = new ArrayList<Measured.Round>();
      for (var i = 0; i < bench.plan().rounds(); i++) {
        those.add(bench.round("telemetry off", without, traffic, contexts));
        these.add(bench.round("telemetry on, exporter dead", with, traffic, contexts));
      }
      return List.of(
          Bar.atLeast(
              "telemetry",
              "telemetry on, exporter dead: l7 Checks/cpu·s, of those without",
              "×",
              0.95,
              BarsBench.Bench.ratio(these, those),
              BarsBench.Bench.perProcessorSecond(these)
                  + " and "
                  + BarsBench.Bench.perProcessorSecond(those)));
    }
  }
}
