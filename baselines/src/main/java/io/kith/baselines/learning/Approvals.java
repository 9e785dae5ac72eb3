package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What is approved for one workload, with why. Not thread-safe. */
final class Approvals {
  private final Map<ProcessClass, Map<DestinationPattern, String>> byClass = new LinkedHashMap<>();
  private final Map<Edge, Integer> portsPerStart = new HashMap<>();

  /** Adds an edge; true when it was not there. */
  boolean add(ProcessClass process, DestinationPattern destination, String why) {
    return byClass
            .computeIfAbsent(process, _ -> new LinkedHashMap<>())
            .putIfAbsent(destination, why)
        == null;
  }

  void remove(ProcessClass process, DestinationPattern destination) {
    var patterns = byClass.get(process);
    if (patterns != null) {
      patterns.remove(destination);
    }
  }

  /** Why the edge is approved, or null. */
  @Nullable String why(ProcessClass process, DestinationPattern destination) {
    return byClass.getOrDefault(process, Map.of()).get(destination);
  }

  /** The approved range of dynamic ports that covers a destination, or null. */
  @Nullable Edge portRange(ProcessClass process, Exact destination) {
    if (portsPerStart.isEmpty()) {
      return null;
    }
    for (var edge : portsPerStart.keySet()) {
      if (edge.process().equals(process) && Patterns.covers(edge.destination(), destination)) {
        return edge;
      }
    }
    return null;
  }

  /** Notes how many ports each start of the destination of a range opens. */
  void portsPerStart(Edge range, int ports) {
    portsPerStart.put(range, ports);
  }

  /** The approved ranges of dynamic ports, with the ports that each start opens. */
  Map<Edge, Integer> portsPerStart() {
    return portsPerStart;
  }

  /** Whether an approved edge covers a destination that was seen. */
  boolean cover(ProcessClass process, Exact destination) {
    for (var pattern : byClass.getOrDefault(process, Map.of()).keySet()) {
      if (Patterns.covers(pattern, destination)) {
        return true;
      }
    }
    return false;
  }

  boolean knows(ProcessClass process) {
    return byClass.containsKey(process);
  }

  List<Edge> edges() {
    var edges = new ArrayList<Edge>();
    byClass.forEach(
        (process, patterns) ->
            patterns.keySet().forEach(pattern -> edges.add(Edge.learned(process, pattern))));
    return edges;
  }
}
