package io.kith.load.scale;

import io.kith.load.compare.Cores;
import io.kith.load.compare.Driver;
import io.kith.load.compare.Identities;
import io.kith.load.compare.IdleConnections;
import io.kith.load.compare.KithServer;
import io.kith.load.compare.Shape;
import io.kith.load.compare.Started;
import io.kith.load.compare.Traffic;
import io.kith.load.tools.Jcmd;
import io.kith.load.tools.ProcessCost;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.function.Consumer;

/** What connections, Checks and bridges cost in a real server process, with real mutual TLS. */
final class ServerCosts {
  private static final int PODS = 4;
  private static final int IN_FLIGHT = 16;
  private static final int SOCKETS = 250;

  private static final long SETTLED_KIB = 500;
  private static final Duration WARM_LIMIT = Duration.ofSeconds(60);

  /** Handshakes before any is measured, so that the server's code is compiled. */
  private static final int WARM_HANDSHAKES = 1_000;

  /**
   * How much to measure.
   *
   * @param connections in all, opened in four steps
   * @param bridges so many attach
   * @param podsEach that each bridge registers
   * @param checks time of each measurement of Checks
   * @param warmUp of a processor, that the server has with each kind of Checks before
   */
  record Extent(int connections, int bridges, int podsEach, Duration checks, Duration warmUp) {}

  /** See {@link UnitCosts}. */
  record Figures(
      double handshakeMillis,
      double connectionKib,
      double bridgeKib,
      double podKib,
      double busyCheckMicros,
      double quietCheckMicros,
      double checkBytes,
      double questionMicros,
      double serverMib) {}

  private final Identities identities;
  private final KithServer server;
  private final Started started;
  private final Extent extent;
  private final Consumer<String> say;

  private ServerCosts(
      Identities identities,
      KithServer server,
      Started started,
      Extent extent,
      Consumer<String> say) {
    this.identities = identities;
    this.server = server;
    this.started = started;
    this.extent = extent;
    this.say = say;
  }

  /** Starts a server below a folder and measures it. */
  static Figures measure(Path folder, Extent extent, Consumer<String> say)
      throws IOException, InterruptedException {
    say.accept("starting a server");
    try (var identities = new Identities(folder, PODS)) {
      var server = KithServer.central(folder.resolve("kith"), identities, PODS);
      try (var started = server.start(Cores.shared())) {
        return new ServerCosts(identities, server, started, extent, say).all();
      }
    }
  }

  private Figures all() throws IOException, InterruptedException {
    var atFirst = ProcessCost.residentKibibytes(started.process().pid());
    say.accept(extent.connections() + " connections");
    var connections = connections();
    settle();
    say.accept(extent.bridges() + " bridges with " + extent.podsEach() + " pods each");
    var bridges = bridges();
    say.accept("Checks");
    var busy = checks(SOCKETS, IN_FLIGHT, PODS);
    var quiet = checks(SOCKETS, 1, 1);
    var asked = checks(Traffic.ALL_NEW, IN_FLIGHT, PODS);
    return new Figures(
        connections.handshakeMillis,
        connections.kib,
        bridges.bridgeKib,
        bridges.podKib,
        busy.micros,
        quiet.micros,
        quiet.bytes,
        Math.max(0, asked.micros - busy.micros),
        atFirst / 1_024.0);
  }

  private record Checks(double micros, double bytes) {}

  private Checks checks(long sockets, int perConnection, int connections)
      throws IOException, InterruptedException {
    var traffic = new ArrayList<Traffic>();
    for (var i = 0; i < connections; i++) {
      traffic.add(new Traffic(Shape.l4, true, i, sockets));
    }
    try (var driver = Driver.connect(started.port(), traffic, identities.contexts())) {
      var end = System.nanoTime() + WARM_LIMIT.toNanos();
      var warm = processor().plus(extent.warmUp());
      while (processor().compareTo(warm) < 0 && System.nanoTime() - end < 0) {
        var _ = driver.run(Duration.ofMillis(300), perConnection);
      }
      var octets = driver.octets();
      var before = processor();
      var answers = driver.run(extent.checks(), perConnection);
      var took = processor().minus(before);
      if (answers.denied() > 0) {
        throw new IOException(answers.denied() + " Checks of flows that were learned are denied");
      }
      // what was on its way at the end is answered, but not counted
      return new Checks(
          took.toNanos() / 1e3 / answers.count(),
          (driver.octets() - octets) / (double) answers.count());
    }
  }

  private record Connections(double handshakeMillis, double kib) {}

  private Connections connections() throws IOException, InterruptedException {
    try (var warm = new IdleConnections(started.port(), identities.contexts())) {
      warm.open(Math.min(WARM_HANDSHAKES, extent.connections()));
    }
    settle();
    var points = new ArrayList<Slope.Point>();
    var took = Duration.ZERO;
    try (var idle = new IdleConnections(started.port(), identities.contexts())) {
      points.add(new Slope.Point(0, needed()));
      for (var step = 0; step < 4; step++) {
        var before = processor();
        idle.open(extent.connections() / 4);
        took = took.plus(processor().minus(before));
        points.add(new Slope.Point(idle.count(), needed()));
      }
      return new Connections(took.toNanos() / 1e6 / idle.count(), Slope.of(points).each());
    }
  }

  private record Bridges(double bridgeKib, double podKib) {}

  private Bridges bridges() throws IOException, InterruptedException {
    try (var bridges =
        new IdleBridges(
            KithServer.port(started.process(), "bridges"),
            identities.source(Identities.BRIDGE),
            server)) {
      var before = needed();
      bridges.attach(extent.bridges());
      var attached = needed();
      bridges.register(extent.podsEach());
      var registered = needed();
      return new Bridges(
          Math.max(0, attached - before) / (double) extent.bridges(),
          Math.max(0, registered - attached) / (double) (extent.bridges() * extent.podsEach()));
    }
  }

  /** Waits until what was closed is gone from its memory. */
  private void settle() throws IOException, InterruptedException {
    var before = needed();
    for (var i = 0; i < 10; i++) {
      var now = needed();
      if (before - now < SETTLED_KIB) {
        return;
      }
      before = now;
    }
  }

  private Duration processor() throws IOException {
    return ProcessCost.processor(started.process().pid());
  }

  /**
   * KiB that the server needs: objects that are no garbage, and what it has in RAM beside its heap.
   * What its heap takes of the RAM depends on when it was collected last.
   */
  private long needed() throws IOException, InterruptedException {
    var pid = started.process().pid();
    for (var i = 0; i < 2; i++) { // the second lets go of what the first one's references held
      Jcmd.collect(pid);
    }
    var heap = Jcmd.heap(pid);
    return ProcessCost.residentKibibytes(pid)
        - ProcessCost.residentKibibytes(pid, heap.from(), heap.to())
        + heap.usedKib();
  }
}
