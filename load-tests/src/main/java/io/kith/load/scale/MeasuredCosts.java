package io.kith.load.scale;

import io.kith.baselines.store.StoreException;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/** Unit costs, measured here and now. */
record MeasuredCosts(UnitCosts units, SnapshotCosts snapshots, ChangeCosts changes) {
  /** How much is measured, for how long. */
  record Extent(ServerCosts.Extent server, ChangeCosts.Extent changes, List<Integer> workloads) {
    Extent {
      workloads = List.copyOf(workloads);
    }

    /** Some minutes. */
    static Extent full() {
      return new Extent(
          new ServerCosts.Extent(4_000, 400, 100, Duration.ofSeconds(4), Duration.ofSeconds(6)),
          new ChangeCosts.Extent(List.of(1, 10, 20, 40), 50, 300, 60_000),
          List.of(1_000, 10_000, 100_000));
    }

    /** Some seconds; what it says is rough. */
    static Extent quick() {
      return new Extent(
          new ServerCosts.Extent(200, 20, 10, Duration.ofMillis(300), Duration.ofMillis(500)),
          new ChangeCosts.Extent(List.of(1, 4), 3, 20, 4_000),
          List.of(200, 1_000));
    }
  }

  static MeasuredCosts measure(Extent extent, int edges, long seed, Consumer<String> say)
      throws IOException, InterruptedException, SQLException, StoreException {
    var folder = Files.createTempDirectory("kith-scale-");
    try {
      say.accept("snapshots of " + extent.workloads().getLast() + " workloads");
      var snapshots = SnapshotCosts.measure(seed, edges, extent.workloads());
      var server = ServerCosts.measure(folder, extent.server(), say);
      var changes = ChangeCosts.measure(folder, extent.changes(), snapshots.revisionKib(), say);
      var live = Slope.of(changes.live());
      var change = Slope.of(changes.change());
      return new MeasuredCosts(
          new UnitCosts(
              server.handshakeMillis(),
              server.connectionKib(),
              server.bridgeKib(),
              server.podKib(),
              server.busyCheckMicros(),
              server.quietCheckMicros(),
              server.checkBytes(),
              server.questionMicros(),
              server.serverMib(),
              snapshots.workloadKib(),
              snapshots.compileMicros(),
              snapshots.revisionKib(),
              live.at0(),
              live.each(),
              change.at0(),
              change.each(),
              changes.partsPerSecond()),
          snapshots,
          changes);
    } finally {
      ToolCache.delete(folder);
    }
  }
}
