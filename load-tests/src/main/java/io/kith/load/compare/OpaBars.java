package io.kith.load.compare;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** How soon Kith and OPA-Envoy answer at half of what OPA-Envoy can do. */
final class OpaBars {
  private static final double BAR = 0.25;

  /** At that rate each socket comes around twice in it: then its bridge was asked about each. */
  private static final Duration BEFORE = Duration.ofSeconds(1);

  private OpaBars() {}

  static List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    var pods = BarsBench.Bench.CONNECTIONS;
    try (var identities = new Identities(bench.folder(), pods);
        var opa = OpaEnvoy.start(bench.folder().resolve("opa"), bench.cores(), pods);
        var kith =
            new KithServer(bench.folder().resolve("kith"), identities, pods).start(bench.cores())) {
      for (var shape : Shape.values()) { // all of them first: what is compiled for one is for both
        bench.warmUp("Kith", kith, traffic(shape), identities.contexts());
      }
      return Arrays.stream(Shape.values())
          .map(shape -> measured(bench, shape, kith, opa, identities))
          .toList();
    } catch (Unmeasured e) {
      return Arrays.stream(Shape.values())
          .map(
              shape ->
                  new Bar(
                      id(shape), words(shape), "×", BAR, true, null, "OPA-Envoy " + e.getMessage()))
          .toList();
    }
  }

  private static String id(Shape shape) {
    return "p99_half_opa_" + shape;
  }

  private static String words(Shape shape) {
    return shape + ": p99 at half of OPA-Envoy's most, of OPA-Envoy's";
  }

  private static Bar measured(
      BarsBench.Bench bench, Shape shape, Started kith, Started opa, Identities identities) {
    try {
      return bar(bench, shape, kith, opa, identities.contexts());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static List<Traffic> traffic(Shape shape) {
    return KithServer.traffic(shape, BarsBench.Bench.CONNECTIONS, 250);
  }

  private static Bar bar(
      BarsBench.Bench bench, Shape shape, Started kith, Started opa, List<SSLContext> contexts)
      throws IOException {
    var traffic = traffic(shape);
    var plain =
        IntStream.range(0, BarsBench.Bench.CONNECTIONS)
            .mapToObj(pod -> new Traffic(shape, false, pod, 250))
            .toList();
    var most = 0.0;
    for (var i = 0; i < bench.plan().rounds(); i++) {
      most = Math.max(most, bench.round("OPA-Envoy", opa, plain, null).perSecond());
    }
    var rounds = bench.plan().rounds();
    var ours = new double[rounds];
    var theirs = new double[rounds];
    for (var i = 0; i < rounds; i++) {
      theirs[i] = p99(bench, opa, plain, null, most / 2);
      ours[i] = p99(bench, kith, traffic, contexts, most / 2);
      bench
          .say()
          .accept(
              String.format(
                  Locale.ROOT,
                  "  %s, %,.0f Checks/s: p99 %.0f µs, OPA-Envoy %.0f µs",
                  shape,
                  most / 2,
                  ours[i],
                  theirs[i]));
    }
    var mine = Measured.middle(ours);
    var other = Measured.middle(theirs);
    return Bar.atMost(
        id(shape),
        words(shape),
        "×",
        BAR,
        mine / other,
        String.format(Locale.ROOT, "%.0f and %.0f µs at %,.0f Checks/s", mine, other, most / 2));
  }

  /** In microseconds. */
  private static double p99(
      BarsBench.Bench bench,
      Started server,
      List<Traffic> traffic,
      @Nullable List<SSLContext> contexts,
      double perSecond)
      throws IOException {
    try (var driver = Driver.connect(server.port(), traffic, contexts)) {
      var _ = driver.runAtRate(BEFORE, perSecond);
      var answers = driver.runAtRate(bench.plan().time(), perSecond);
      var nanos = answers.latencyNanos();
      Arrays.sort(nanos);
      return Measured.percentileMicros(nanos, 0.99);
    }
  }
}
