package io.kith.baselines.decision;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Edges by process class, the strictest first. */
final class EdgeIndex {
  private static final Comparator<Edge> STRICTEST_FIRST =
      Comparator.comparing(Edge::strictness).reversed();

  private final Map<ProcessClass, List<Edge>> byClass;
  private final List<HandRule> rules;
  private final KnownFlows known;

  /** The same objects for whoever asks the baseline, as long as this is in use. */
  @SuppressWarnings("unused") // to have it is the use
  private final List<Edge> made;

  private EdgeIndex(
      Map<ProcessClass, List<Edge>> byClass,
      List<HandRule> rules,
      KnownFlows known,
      List<Edge> made) {
    this.made = made;
    this.byClass = byClass;
    this.rules = rules;
    this.known = known;
  }

  static EdgeIndex of(List<Edge> baseline, List<Edge> byHand, List<HandRule> rules) {
    var lists = new LinkedHashMap<ProcessClass, List<Edge>>();
    var made = baseline instanceof CompactEdges compact ? compact.made() : baseline;
    for (var edges : List.of(byHand, made)) {
      for (var edge : edges) {
        lists.computeIfAbsent(edge.process(), _ -> new ArrayList<>()).add(edge);
      }
    }
    // classes that are known now are compiled; others meet the rules one by one, and seldom
    lists.replaceAll((process, edges) -> withRules(process, edges, rules));
    var known = new KnownFlowsBuilder();
    lists.forEach(known::add);
    return new EdgeIndex(Map.copyOf(lists), List.copyOf(rules), known.build(), made);
  }

  private static List<Edge> withRules(
      ProcessClass process, List<Edge> edges, List<HandRule> rules) {
    var all = new ArrayList<Edge>();
    for (var rule : rules) {
      if (rule.process().covers(process)) {
        all.add(rule.edgeOf(process));
      }
    }
    all.addAll(edges);
    all.sort(STRICTEST_FIRST);
    return List.copyOf(all);
  }

  /** What can be found without a search. */
  KnownFlows known() {
    return known;
  }

  /** The edges of a class, strictest first; empty when the class is not known. */
  List<Edge> of(ProcessClass process) {
    var known = byClass.get(process);
    if (known != null) {
      return known;
    }
    return rules.isEmpty() ? List.of() : withRules(process, List.of(), rules);
  }

  /**
   * The edges of a program that moved: same name, script and user, another path or parent.
   *
   * @return empty when there is none or several classes are alike
   */
  List<Edge> ofMoved(ProcessClass process) {
    List<Edge> moved = List.of();
    for (var entry : byClass.entrySet()) {
      if (entry.getKey().isMovedTo(process)) {
        if (!moved.isEmpty()) {
          return List.of();
        }
        moved = entry.getValue();
      }
    }
    return moved;
  }

  /** An edge of any class that covers the destination, or null; for the words of a denial. */
  @Nullable Edge to(Destination destination) {
    for (var edges : byClass.values()) {
      for (var edge : edges) {
        if (edge.destination().covers(destination)) {
          return edge;
        }
      }
    }
    return null;
  }
}
