package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What is approved for one workload, with why. Not thread-safe. */
final class Approvals {
  private final Map<ProcessClass, Map<DestinationPattern, String>> byClass = new LinkedHashMap<>();

  /** Adds an edge; true when it was not there. */
  boolean add(ProcessClass process, DestinationPattern destination, String why) {
    return byClass
            .computeIfAbsent(process, _ -> new LinkedHashMap<>())
            .putIfAbsent(destination, why)
        == null;
  }

  void clear() {
    byClass.clear();
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

  /** Whether an approved edge covers a destination that was seen. */
  boolean cover(ProcessClass process, Exact destination) {
    for (var pattern : byClass.getOrDefault(process, Map.of()).keySet()) {
      if (Patterns.covers(pattern, destination)) {
        return true;
      }
    }
    return false;
  }

  /** Whether the class that moved to this one was approved for all these destinations. */
  boolean knew(ProcessClass moved, List<Map.Entry<Exact, Sightings>> members) {
    if (byClass.containsKey(moved)) {
      return false;
    }
    for (var process : byClass.keySet()) {
      if (process.isMovedTo(moved)
          && members.stream().allMatch(member -> cover(process, member.getKey()))) {
        return true;
      }
    }
    return false;
  }

  List<Edge> edges() {
    var edges = new ArrayList<Edge>();
    byClass.forEach(
        (process, patterns) ->
            patterns.keySet().forEach(pattern -> edges.add(Edge.learned(process, pattern))));
    return edges;
  }
}
