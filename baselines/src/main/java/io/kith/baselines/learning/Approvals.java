package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is approved for one workload. Not thread-safe. */
final class Approvals {
  private static final Evidence[] WEAKEST_FIRST = Evidence.values();

  private final Map<ProcessClass, Approved> byClass = new LinkedHashMap<>();
  private int changes;

  /** The patterns of one class, and those among them that cover more than one name. */
  private static final class Approved {
    final Set<DestinationPattern> patterns = new LinkedHashSet<>();
    final List<DestinationPattern> wide = new ArrayList<>();

    boolean cover(Exact destination) {
      for (var evidence : WEAKEST_FIRST) {
        if (evidence.compareTo(destination.weakest()) > 0) {
          break;
        }
        var exact =
            new Exact(destination.name(), evidence, destination.port(), destination.protocol());
        if (patterns.contains(exact)) {
          return true;
        }
      }
      for (var pattern : wide) {
        if (Patterns.covers(pattern, destination)) {
          return true;
        }
      }
      return false;
    }
  }

  /** Adds an edge; true when it was not there. */
  boolean add(ProcessClass process, DestinationPattern destination) {
    var approved = byClass.computeIfAbsent(process, _ -> new Approved());
    if (!approved.patterns.add(destination)) {
      return false;
    }
    if (!(destination instanceof Exact)) {
      approved.wide.add(destination);
    }
    changes++;
    return true;
  }

  void clear() {
    byClass.clear();
    changes++;
  }

  void remove(ProcessClass process, DestinationPattern destination) {
    var approved = byClass.get(process);
    if (approved != null) {
      approved.patterns.remove(destination);
      approved.wide.remove(destination);
      changes++;
    }
  }

  /** Grows when something is added or removed. */
  int changes() {
    return changes;
  }

  /** Whether this very edge is approved. */
  boolean contain(ProcessClass process, DestinationPattern destination) {
    var approved = byClass.get(process);
    return approved != null && approved.patterns.contains(destination);
  }

  /** Whether an approved edge covers a destination that was seen. */
  boolean cover(ProcessClass process, Exact destination) {
    var approved = byClass.get(process);
    return approved != null && approved.cover(destination);
  }

  /** Whether the class that moved to this one was approved for all these destinations. */
  boolean knew(ProcessClass moved, List<Map.Entry<Exact, Sightings>> members) {
    if (byClass.containsKey(moved)) {
      return false;
    }
    for (var entry : byClass.entrySet()) {
      if (entry.getKey().isMovedTo(moved)
          && members.stream().allMatch(member -> entry.getValue().cover(member.getKey()))) {
        return true;
      }
    }
    return false;
  }

  List<Edge> edges() {
    var edges = new ArrayList<Edge>();
    byClass.forEach(
        (process, approved) ->
            approved.patterns.forEach(pattern -> edges.add(Edge.learned(process, pattern))));
    return edges;
  }
}
