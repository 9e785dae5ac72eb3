package io.kith.baselines.decision;

import static io.kith.baselines.decision.KnownFlows.BELOW;
import static io.kith.baselines.decision.KnownFlows.BLOCK;
import static io.kith.baselines.decision.KnownFlows.CELL;
import static io.kith.baselines.decision.KnownFlows.CLASS;
import static io.kith.baselines.decision.KnownFlows.LONG;
import static io.kith.baselines.decision.KnownFlows.MAX_INLINE;
import static io.kith.baselines.decision.KnownFlows.NAME;
import static io.kith.baselines.decision.KnownFlows.RANGE;
import static io.kith.baselines.decision.KnownFlows.TEXT;
import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes the array of {@link KnownFlows}, whose layout is described there. */
final class KnownFlowsWriter {
  private final Map<ProcessClass, Integer> places = new HashMap<>();
  private final Map<String, Integer> longNames = new HashMap<>();
  private final int classes;
  private final @Nullable Edge[] edges;
  private byte[] table;

  KnownFlowsWriter(Set<ProcessClass> processes, int edges) {
    classes = processes.size() * 3 / 2 + 1;
    this.edges = new @Nullable Edge[edges * 6 / 5 + 1];
    table = new byte[CLASS * classes + CELL * this.edges.length];
    for (var process : processes) {
      var place = KnownFlows.startOf(process, classes);
      while (places.containsValue(place)) {
        place = place + 1 == classes ? 0 : place + 1;
      }
      places.put(process, place);
      for (var part = 0; part < 4; part++) {
        LONG.set(table, CLASS * place + 8 * part, process.digest(part));
      }
    }
  }

  static int kind(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact _ -> NAME;
      case HostWildcard _ -> BELOW;
      case PortRange _ -> RANGE;
      case AddressBlock _ -> BLOCK;
      case Written _ -> 0;
    };
  }

  void put(ProcessClass process, Edge edge) {
    switch (edge.destination()) {
      case Exact(var name, var weakest, var port, var protocol) ->
          named(process, edge, name, port, protocol, KnownFlows.condition(weakest, false));
      case HostWildcard(var shape, var parent, var weakest, var port, var protocol) ->
          named(
              process, edge, parent, port, protocol, KnownFlows.condition(weakest, shape != null));
      case PortRange(var name, var weakest, _, _, var protocol) ->
          named(process, edge, name, 0, protocol, KnownFlows.condition(weakest, true));
      case AddressBlock(var network, var prefix, var port, var protocol) -> {
        var bits = network.ipv4();
        var at =
            put(
                process,
                edge,
                bits >>> 8,
                port,
                0,
                protocol,
                KnownFlows.condition(Evidence.ADDRESS, false));
        LONG.set(table, at + TEXT, ((long) bits << 32) | prefix);
      }
      case Written written ->
          throw new IllegalArgumentException(
              written.words() + " (expected: a name, wildcard, range or block)");
    }
  }

  private void named(
      ProcessClass process, Edge edge, String name, int port, Protocol protocol, long condition) {
    var text = KnownFlows.hash(name.getBytes(ISO_8859_1), 0);
    var at = put(process, edge, text, port, name.length(), protocol, condition);
    if (name.length() <= MAX_INLINE) {
      write(name, at + TEXT);
    } else {
      long where = longNames.computeIfAbsent(name, this::append);
      LONG.set(table, at + TEXT, where);
    }
  }

  private int append(String name) {
    var at = table.length;
    table = Arrays.copyOf(table, at + name.length());
    write(name, at);
    return at;
  }

  private void write(String name, int at) {
    System.arraycopy(name.getBytes(ISO_8859_1), 0, table, at, name.length());
  }

  /** Takes a free cell, and returns where it is. */
  private int put(
      ProcessClass process,
      Edge edge,
      long text,
      int port,
      int length,
      Protocol protocol,
      long condition) {
    var kind = kind(edge.destination());
    var hash = KnownFlows.hash(process, kind, text, port);
    var cell = KnownFlows.start(hash, edges.length);
    while (edges[cell] != null) {
      cell = cell + 1 == edges.length ? 0 : cell + 1;
    }
    edges[cell] = edge;
    var at = CLASS * classes + CELL * cell;
    LONG.set(
        table,
        at,
        KnownFlows.number(hash, port, length, kind, protocol, places.getOrDefault(process, -1))
            | condition);
    return at;
  }

  KnownFlows written() {
    return new KnownFlows(classes, table, edges);
  }
}
