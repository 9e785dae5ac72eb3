package io.kith.load.scale;

import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * A mesh over some minutes, and what its check servers have to do and to hold.
 *
 * @param age after which servers end connections of sidecars
 * @param time simulated
 * @param edges of each workload
 * @param newSockets part of the Checks that a bridge is asked about
 */
record Simulation(
    UnitCosts costs, Churn.Rates rates, Duration age, Duration time, int edges, double newSockets) {
  /** How often a server writes what only counted on. */
  static final Duration COUNTS = Duration.ofMinutes(1);

  /** A JVM keeps two fifths of its heap free after a collection: its default for its least. */
  private static final double HEAP = 1 / 0.6;

  /**
   * What came of it.
   *
   * @param memoryGib of all servers, resident
   * @param cores of all servers, for Checks, handshakes and questions to bridges
   */
  record Figures(
      Placement placement,
      Size size,
      int servers,
      long bridgeStreams,
      Connections connections,
      double handshakeCores,
      double busiestHandshakeCoresOfOne,
      double connectionGibOfOne,
      double connectionGib,
      double snapshotMibOfOne,
      double mostSnapshotMib,
      double snapshotGib,
      double podUpdatesPerSecond,
      FanOut fanOut,
      double writesPerSecond,
      double hourlyWritesPerSecond,
      double databases,
      double checkBytesPerSecond,
      double controlBytesPerSecond,
      double checksOfOne,
      double coresOfOne,
      double cores,
      double memoryGibOfOne,
      double memoryGib) {}

  /** Simulates a mesh from its seed on. */
  Figures run(Size size, Placement placement, long seed) {
    var mesh = new SimulatedMesh(size, seed);
    var random = new SplittableRandom(seed ^ 0x5eed);
    var seconds = (int) time.toSeconds();
    var churn = Churn.simulate(mesh, rates, seconds, random.split());
    var connections =
        Connections.simulate(
            mesh, churn, placement, (double) age.toSeconds(), seconds, random.split());
    var servers = placement.servers(size);
    var local = placement instanceof Placement.NodeLocal;

    var held = local ? mesh.workloadsByNode() : new int[] {size.workloads()};
    var meanHeld = Arrays.stream(held).average().orElseThrow();
    var mostHeld = Arrays.stream(held).max().orElseThrow();
    var fanOut = FanOut.simulate(mesh, churn.changes(), placement, mostHeld, costs, seconds);
    var workloadMib = costs.workloadKib() / 1_024;

    var streams = local ? size.nodes() : (long) size.nodes() * servers;
    var connectionGib = connections.open() * costs.connectionKib() / (1 << 20);
    var bridgeMibOfOne =
        local
            ? (costs.bridgeKib() + size.podsPerNode() * costs.podKib()) / 1_024
            : (size.nodes() * costs.bridgeKib() + size.pods() * costs.podKib()) / 1_024;
    var memoryMibOfOne =
        costs.serverMib()
            + HEAP * (connectionGib * 1_024 / servers + bridgeMibOfOne + meanHeld * workloadMib);
    var memoryMib = memoryMibOfOne * servers;

    var checkMicros =
        (local ? costs.quietCheckMicros() : costs.busyCheckMicros())
            + newSockets * costs.questionMicros();
    var checks = size.checksPerSecond();
    var handshakeCores = connections.perSecond() * costs.handshakeMillis() / 1e3;
    var changeCores = fanOut.messagesPerSecond() * costs.compileMicros() / 1e6;
    var cores = checks * checkMicros / 1e6 + handshakeCores + changeCores;
    var coresOfOne = cores / servers;
    if (placement instanceof Placement.NodeLocal(var control)) {
      // control replicas hold all workloads, and a stream to each node between them
      memoryMib +=
          control * costs.serverMib()
              + HEAP
                  * (control * size.workloads() * workloadMib
                      + size.nodes() * costs.bridgeKib() / 1_024);
      cores += fanOut.messagesPerSecond() * costs.questionMicros() / 1e6;
    }

    var replaced = churn.replaced().length / (double) seconds;
    var writes = LearnedWrites.perSecond(mesh, placement, edges, (double) COUNTS.toSeconds());
    var fetched = local ? churn.newOnNode() * costs.revisionKib() * 1_024 / time.toSeconds() : 0;
    return new Figures(
        placement,
        size,
        servers,
        streams,
        connections,
        handshakeCores,
        connections.busiestOfOne() * costs.handshakeMillis() / 1e3,
        connectionGib / servers,
        connectionGib,
        meanHeld * workloadMib,
        mostHeld * workloadMib,
        meanHeld * workloadMib * servers / 1_024,
        // one that is gone and one that is there, to each server that the node's bridge is at
        2.0 * replaced * placement.serversOfAPod(),
        fanOut,
        writes,
        LearnedWrites.perSecond(mesh, placement, edges, 3_600),
        writes / costs.partsPerSecond(),
        local ? 0 : checks * costs.checkBytes(),
        fanOut.bytesPerSecond() + fetched,
        checks / servers,
        coresOfOne,
        cores,
        memoryMibOfOne / 1_024,
        memoryMib / 1_024);
  }
}
