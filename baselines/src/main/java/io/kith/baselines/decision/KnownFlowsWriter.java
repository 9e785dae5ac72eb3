package io.kith.baselines.decision;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import org.jspecify.annotations.Nullable;

/** Writes the cells of {@link KnownFlows}, whose layout is described there. */
final class KnownFlowsWriter {
  private final @Nullable Edge[] edges;
  private final long[] table;

  KnownFlowsWriter(int edges) {
    this.edges = new @Nullable Edge[2 * edges + 1];
    table = new long[2 * this.edges.length];
  }

  static int kind(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact _ -> KnownFlows.NAME;
      case HostWildcard _ -> KnownFlows.BELOW;
      case PortRange _ -> KnownFlows.RANGE;
      case AddressBlock _ -> KnownFlows.BLOCK;
      case Written _ -> 0;
    };
  }

  void put(ProcessClass process, Edge edge) {
    switch (edge.destination()) {
      case Exact(var name, var weakest, var port, var protocol) ->
          put(process, edge, bytes(name), port, protocol, KnownFlows.condition(weakest, false));
      case HostWildcard(var shape, var parent, var weakest, var port, var protocol) ->
          put(
              process,
              edge,
              bytes(parent),
              port,
              protocol,
              KnownFlows.condition(weakest, shape != null));
      case PortRange(var name, var weakest, _, _, var protocol) ->
          put(process, edge, bytes(name), 0, protocol, KnownFlows.condition(weakest, true));
      case AddressBlock(var network, var prefix, var port, var protocol) ->
          put(
              process,
              edge,
              KnownFlows.text(network),
              port,
              protocol,
              KnownFlows.condition(network, prefix));
      case Written written ->
          throw new IllegalArgumentException(
              written.words() + " (expected: a name, wildcard, range or block)");
    }
  }

  private static byte[] bytes(String name) {
    return name.getBytes(ISO_8859_1);
  }

  private void put(
      ProcessClass process, Edge edge, byte[] text, int port, Protocol protocol, long condition) {
    var words = KnownFlows.words(kind(edge.destination()), port, protocol, text.length);
    var first = KnownFlows.first(process, words, text, 0);
    var cell = KnownFlows.start(first, edges.length);
    while (edges[cell] != null) {
      cell = cell + 1 == edges.length ? 0 : cell + 1;
    }
    edges[cell] = edge;
    table[2 * cell] = first;
    table[2 * cell + 1] = KnownFlows.second(process, words, text, 0) | condition;
  }

  KnownFlows written() {
    return new KnownFlows(table, edges);
  }
}
