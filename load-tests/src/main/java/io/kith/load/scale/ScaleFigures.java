package io.kith.load.scale;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * All that a run found.
 *
 * @param rows of the mesh that was asked for, one for each placement
 * @param curve the same over meshes of other sizes, by placement and then by size
 * @param heapMib that was in use at most while the mesh was simulated, garbage included
 */
record ScaleFigures(
    String machine,
    long seed,
    MeasuredCosts costs,
    List<Simulation.Figures> rows,
    List<Simulation.Figures> curve,
    long heapMib) {
  ScaleFigures {
    rows = List.copyOf(rows);
    curve = List.copyOf(curve);
  }

  /** Tables, for people. */
  List<String> lines() {
    var lines = new ArrayList<>(unitCosts());
    var size = rows.getFirst().size();
    lines.add("");
    lines.add(
        String.format(
            Locale.ROOT,
            "%,d nodes, %,d workloads, %,d pods, %,.0f Checks/s",
            size.nodes(),
            size.workloads(),
            size.pods(),
            size.checksPerSecond()));
    lines.add(row("", rows, one -> one.placement().words()));
    lines.add(row("check servers", rows, one -> number(one.servers())));
    lines.add(row("streams of bridges", rows, one -> number((double) one.bridgeStreams())));
    lines.add(row("connections of sidecars", rows, one -> number(one.connections().open())));
    lines.add(row("handshakes/s", rows, one -> number(one.connections().perSecond())));
    lines.add(
        row("  busiest second, all servers", rows, one -> number(one.connections().busiest())));
    lines.add(
        row(
            "  busiest second, one restarted",
            rows,
            one -> number(one.connections().busiestOfOne())));
    lines.add(row("handshakes, cores in all", rows, one -> number(one.handshakeCores())));
    lines.add(
        row("  busiest, one restarted", rows, one -> number(one.busiestHandshakeCoresOfOne())));
    lines.add(row("connections, GiB in all", rows, one -> number(one.connectionGib())));
    lines.add(row("  MiB per server", rows, one -> number(1_024 * one.connectionGibOfOne())));
    lines.add(row("snapshots, MiB per server", rows, one -> number(one.snapshotMibOfOne())));
    lines.add(row("  of the server with most", rows, one -> number(one.mostSnapshotMib())));
    lines.add(row("  GiB in all", rows, one -> number(one.snapshotGib())));
    lines.add(row("pods told of, messages/s", rows, one -> number(one.podUpdatesPerSecond())));
    lines.add(row("revisions/s", rows, one -> number(one.fanOut().perSecond())));
    lines.add(row("  messages/s", rows, one -> number(one.fanOut().messagesPerSecond())));
    lines.add(row("  live everywhere, ms, p50", rows, one -> number(one.fanOut().p50Millis())));
    lines.add(row("  p99", rows, one -> number(one.fanOut().p99Millis())));
    lines.add(row("  a change of mode", rows, one -> number(one.fanOut().allMillis())));
    lines.add(row("learned parts written/s", rows, one -> number(one.writesPerSecond())));
    lines.add(row("  PostgreSQL takes, times that", rows, one -> number(1 / one.databases())));
    lines.add(
        row("  if counts were written hourly", rows, one -> number(one.hourlyWritesPerSecond())));
    lines.add(
        row("network for Checks, MB/s", rows, one -> number(one.checkBytesPerSecond() / 1e6)));
    lines.add(
        row("network for revisions, MB/s", rows, one -> number(one.controlBytesPerSecond() / 1e6)));
    lines.add(row("Checks/s per server", rows, one -> number(one.checksOfOne())));
    lines.add(row("cores per server", rows, one -> number(one.coresOfOne())));
    lines.add(row("cores in all", rows, one -> number(one.cores())));
    lines.add(row("memory per server, GiB", rows, one -> number(one.memoryGibOfOne())));
    lines.add(row("memory in all, GiB", rows, one -> number(one.memoryGib())));
    lines.addAll(curveLines());
    lines.add("");
    lines.add("on " + machine + "; seed " + seed);
    lines.add(
        "Measured: the unit costs. Simulated by events: placement, churn, connections, changes. In"
            + " closed form: learned parts.");
    for (var one : rows) {
      if (one.connections().sampled() < 1) {
        lines.add(
            String.format(
                Locale.ROOT,
                "%s: connections of every %.0fth pod were simulated.",
                one.placement().words(),
                1 / one.connections().sampled()));
      }
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "The simulation took at most %,d MiB of heap, garbage included.",
            heapMib));
    return lines;
  }

  private List<String> unitCosts() {
    var units = costs.units();
    var snapshots = costs.snapshots();
    var lines = new ArrayList<String>();
    lines.add("measured, of one");
    lines.add(unit("connection of a sidecar opened", units.handshakeMillis(), "ms of a processor"));
    lines.add(unit("connection of a sidecar, idle", units.connectionKib(), "KiB"));
    lines.add(unit("stream of a bridge", units.bridgeKib(), "KiB"));
    lines.add(unit("pod of a bridge", units.podKib(), "KiB"));
    lines.add(unit("Check, many in flight", units.busyCheckMicros(), "µs of a processor"));
    lines.add(unit("Check, one by one", units.quietCheckMicros(), "µs of a processor"));
    lines.add(unit("Check and answer", units.checkBytes(), "octets"));
    lines.add(unit("question to a bridge", units.questionMicros(), "µs of a processor"));
    lines.add(unit("server that has started", units.serverMib(), "MiB"));
    lines.add(unit("workload's snapshot", units.workloadKib(), "KiB"));
    for (var i = 0; i < snapshots.workloads().size(); i++) {
      if (snapshots.workloads().get(i) > 0) {
        lines.add(
            unit(
                String.format(Locale.ROOT, "  heap with %,d", snapshots.workloads().get(i)),
                snapshots.mib().get(i),
                "MiB"));
      }
    }
    lines.add(unit("snapshot made", units.compileMicros(), "µs of a processor"));
    lines.add(unit("revision as text", units.revisionKib(), "KiB"));
    lines.add(unit("change live on PostgreSQL's replicas", units.liveMillis(), "ms"));
    lines.add(unit("  and for each replica", units.liveMillisPerReplica(), "ms"));
    for (var point : costs.changes().live()) {
      lines.add(
          unit(
              String.format(Locale.ROOT, "  measured with %,.0f, the middle", point.x()),
              point.y(),
              "ms"));
    }
    lines.add(unit("change among many", units.changeMillis(), "ms"));
    lines.add(unit("  and for each replica", units.changeMillisPerReplica(), "ms"));
    lines.add(unit("learned parts, one PostgreSQL", units.partsPerSecond(), "a second"));
    return lines;
  }

  private static String unit(String what, double value, String unit) {
    return String.format(Locale.ROOT, "  %-36s %12s %s", what, number(value), unit);
  }

  private static String row(
      String what, List<Simulation.Figures> rows, Function<Simulation.Figures, String> value) {
    return String.format(Locale.ROOT, "  %-32s", what)
        + rows.stream()
            .map(one -> String.format(Locale.ROOT, "%16s", value.apply(one)))
            .collect(Collectors.joining());
  }

  private List<String> curveLines() {
    var lines = new ArrayList<String>();
    lines.add("");
    lines.add("cores and GiB of memory in all, by size");
    var sizes = curve.stream().map(one -> one.size().nodes()).distinct().toList();
    lines.add(row("nodes", rows, one -> one.placement().words()));
    for (var nodes : sizes) {
      var of =
          rows.stream()
              .flatMap(
                  row ->
                      curve.stream()
                          .filter(
                              one ->
                                  one.size().nodes() == nodes
                                      && one.placement().equals(row.placement())))
              .toList();
      lines.add(
          row(
              String.format(Locale.ROOT, "%,d", nodes),
              of,
              one -> number(one.cores()) + " / " + number(one.memoryGib())));
    }
    return lines;
  }

  /** With three digits or all before the point. */
  static String number(double value) {
    if (value == 0 || Math.abs(value) >= 100) {
      return String.format(Locale.ROOT, "%,.0f", value);
    }
    var decimals = Math.max(0, 2 - (int) Math.floor(Math.log10(Math.abs(value))));
    return String.format(Locale.ROOT, "%,." + Math.min(6, decimals) + "f", value);
  }

  /** One object in one line. */
  String json() {
    return "{\"machine\":\""
        + machine.replace("\\", "\\\\").replace("\"", "\\\"")
        + "\",\"seed\":"
        + seed
        + ",\"costs\":"
        + costs.units().json()
        + ",\"placements\":"
        + rows.stream().map(ScaleFigures::json).collect(Collectors.joining(",", "[", "]"))
        + ",\"curve\":"
        + curve.stream().map(ScaleFigures::json).collect(Collectors.joining(",", "[", "]"))
        + ",\"heap_mib\":"
        + heapMib
        + "}";
  }

  private static String json(Simulation.Figures one) {
    var size = one.size();
    return String.format(
        Locale.ROOT,
        "{\"placement\":\"%s\",\"nodes\":%d,\"workloads\":%d,\"pods\":%d,\"checks_per_s\":%.0f,"
            + "\"servers\":%d,\"bridge_streams\":%d,\"connections\":%.0f,\"sampled\":%.4f,"
            + "\"handshakes_per_s\":%.1f,\"handshakes_busiest_per_s\":%.0f,"
            + "\"handshakes_busiest_restarted_per_s\":%.0f,\"handshake_cores\":%.3f,"
            + "\"connection_gib\":%.3f,\"connection_mib_per_server\":%.3f,"
            + "\"snapshot_mib_per_server\":%.3f,\"snapshot_mib_most\":%.3f,\"snapshot_gib\":%.3f,"
            + "\"pod_updates_per_s\":%.1f,\"revisions_per_s\":%.2f,\"revision_messages_per_s\":%.1f,"
            + "\"live_p50_ms\":%.1f,\"live_p99_ms\":%.1f,\"live_all_ms\":%.1f,"
            + "\"parts_per_s\":%.0f,\"parts_hourly_per_s\":%.0f,\"databases\":%.2f,"
            + "\"check_bytes_per_s\":%.0f,\"control_bytes_per_s\":%.0f,"
            + "\"checks_per_s_per_server\":%.1f,\"cores_per_server\":%.4f,\"cores\":%.2f,"
            + "\"memory_gib_per_server\":%.3f,\"memory_gib\":%.2f}",
        one.placement().id(),
        size.nodes(),
        size.workloads(),
        size.pods(),
        size.checksPerSecond(),
        one.servers(),
        one.bridgeStreams(),
        one.connections().open(),
        one.connections().sampled(),
        one.connections().perSecond(),
        one.connections().busiest(),
        one.connections().busiestOfOne(),
        one.handshakeCores(),
        one.connectionGib(),
        1_024 * one.connectionGibOfOne(),
        one.snapshotMibOfOne(),
        one.mostSnapshotMib(),
        one.snapshotGib(),
        one.podUpdatesPerSecond(),
        one.fanOut().perSecond(),
        one.fanOut().messagesPerSecond(),
        one.fanOut().p50Millis(),
        one.fanOut().p99Millis(),
        one.fanOut().allMillis(),
        one.writesPerSecond(),
        one.hourlyWritesPerSecond(),
        one.databases(),
        one.checkBytesPerSecond(),
        one.controlBytesPerSecond(),
        one.checksOfOne(),
        one.coresOfOne(),
        one.cores(),
        one.memoryGibOfOne(),
        one.memoryGib());
  }
}
