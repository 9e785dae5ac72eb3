package io.kith.baselines.decision;

import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/*
 * The search asks the edges of a class in their order and takes the first that covers. The table is
 * asked by kind: names, wildcards, ranges, blocks. It finds the same edge if an edge goes in only
 * when no edge before it in the order can cover one of its destinations, but those that are in the
 * table and are found before it or in its own place. All others are left to the search, and so is
 * every edge that asks more of a process than its class.
 */
/** Puts into {@link KnownFlows} the edges about which it is sure. */
final class KnownFlowsBuilder {
  private final Map<ProcessClass, List<Edge>> sure = new LinkedHashMap<>();

  /** Adds the edges of a class, in the order in which a search asks them. */
  void add(ProcessClass process, List<Edge> edges) {
    var in = new ArrayList<Edge>();
    var later = new ArrayList<Edge>(); // of them, what is found after a name
    var left = new ArrayList<Edge>();
    for (var edge : edges) {
      if (!isPlain(edge)
          || left.stream().anyMatch(other -> Overlap.possible(other, edge))
          || later.stream()
              .anyMatch(other -> kind(other) > kind(edge) && Overlap.possible(other, edge))) {
        left.add(edge);
        continue;
      }
      in.add(edge);
      if (kind(edge) != KnownFlows.NAME) {
        later.add(edge);
      }
    }
    sure.put(process, in);
  }

  KnownFlows build() {
    var count = sure.values().stream().mapToInt(List::size).sum();
    var writer = new KnownFlowsWriter(count);
    sure.forEach((process, edges) -> edges.forEach(edge -> writer.put(process, edge)));
    return writer.written();
  }

  /** Whether a cell can say all that has to be compared. */
  private static boolean isPlain(Edge edge) {
    var destination = edge.destination();
    return edge.strictness().compareTo(Strictness.CLASS) <= 0
        && edge.provenance().until() == null
        && Overlap.isPort(destination)
        && switch (destination) {
          case Exact(var name, _, _, _) -> isText(name);
          case HostWildcard(_, var parent, _, _, _) -> isText(parent);
          case PortRange(var name, _, _, _, _) -> isText(name);
          case AddressBlock _ -> true;
          case Written _ -> false;
        };
  }

  private static boolean isText(String name) {
    return name.length() <= KnownFlows.MAX_NAME
        && name.chars().allMatch(character -> character <= 0xff && character != '?');
  }

  private static int kind(Edge edge) {
    return KnownFlowsWriter.kind(edge.destination());
  }
}
