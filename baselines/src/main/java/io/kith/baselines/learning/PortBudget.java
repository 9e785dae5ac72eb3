package io.kith.baselines.learning;

import io.kith.baselines.decision.Circumstances.Ports;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How many ports of an approved range may still be new.
 *
 * <p>A server that takes a free port when it starts has as many ports as starts, or a multiple that
 * was learned. Not thread-safe.
 */
final class PortBudget {
  private final Book book;
  private final Siblings siblings;
  private final Map<Edge, Integer> portsPerStart = new HashMap<>();

  PortBudget(Book book, Siblings siblings) {
    this.book = book;
    this.siblings = siblings;
  }

  /** Begins to count for an approved range. */
  void approved(ProcessClass process, PortRange range) {
    var edge = Edge.learned(process, range);
    var starts = siblings.startsOf(range.name());
    var seen = known(edge).size();
    portsPerStart.put(edge, starts <= 0 ? 1 : Math.max(1, Math.ceilDiv(seen, starts)));
  }

  /** Counts for exactly the ranges among these edges; what was counted before stays. */
  void decided(List<Edge> edges) {
    var ranges = new HashMap<Edge, PortRange>();
    for (var edge : edges) {
      if (edge.destination() instanceof PortRange range) {
        ranges.put(Edge.learned(edge.process(), range), range);
      }
    }
    portsPerStart.keySet().retainAll(ranges.keySet());
    ranges.forEach(
        (edge, range) -> {
          if (!portsPerStart.containsKey(edge)) {
            approved(edge.process(), range);
          }
        });
  }

  /** What is left, by the id of the range; nothing for destinations whose starts are not known. */
  Map<String, Ports> left() {
    var left = new HashMap<String, Ports>();
    for (var range : portsPerStart.keySet()) {
      var ports = left(range);
      if (ports != null) {
        left.put(range.id(), ports);
      }
    }
    return left;
  }

  private @Nullable Ports left(Edge range) {
    var starts = siblings.startsOf(((PortRange) range.destination()).name());
    if (starts < 0) {
      return null;
    }
    var known = known(range);
    var each = portsPerStart.getOrDefault(range, 1);
    return new Ports(known, Math.max(0, starts * each - known.size()));
  }

  private Set<Integer> known(Edge range) {
    var known = new HashSet<Integer>();
    for (var exact : book.exact(range.process()).keySet()) {
      if (Patterns.covers(range.destination(), exact)) {
        known.add(exact.port());
      }
    }
    return known;
  }

  /** Whether a port that was not seen before is more than the destination can have. */
  boolean isExceededBy(ProcessClass process, Exact destination) {
    if (portsPerStart.isEmpty()
        || destination.port() < PortRange.FIRST_DYNAMIC
        || book.exact(process).containsKey(destination)) {
      return false;
    }
    for (var range : portsPerStart.keySet()) {
      if (range.process().equals(process) && Patterns.covers(range.destination(), destination)) {
        var left = left(range);
        return left != null && left.openings() == 0;
      }
    }
    return false;
  }
}
