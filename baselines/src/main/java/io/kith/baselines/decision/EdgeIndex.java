package io.kith.baselines.decision;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Edges by process class, the strictest first. */
final class EdgeIndex {
  private static final Comparator<Edge> STRICTEST_FIRST =
      Comparator.comparing(Edge::strictness).reversed();

  private final Map<ProcessClass, List<Edge>> byClass;
  private final List<HandRule> rules;

  private EdgeIndex(Map<ProcessClass, List<Edge>> byClass, List<HandRule> rules) {
    this.byClass = byClass;
    this.rules = rules;
  }

  static EdgeIndex of(List<Edge> baseline, List<Edge> byHand, List<HandRule> rules) {
    var lists = new HashMap<ProcessClass, List<Edge>>();
    for (var edges : List.of(byHand, baseline)) {
      for (var edge : edges) {
        lists.computeIfAbsent(edge.process(), _ -> new ArrayList<>()).add(edge);
      }
    }
    // classes that are known now are compiled; others meet the rules one by one, and seldom
    lists.replaceAll((process, edges) -> withRules(process, edges, rules));
    return new EdgeIndex(Map.copyOf(lists), List.copyOf(rules));
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

  /** Any edge to that destination's name, for the explanation of a denial; rarely called. */
  List<Edge> all() {
    return byClass.values().stream().flatMap(List::stream).toList();
  }
}
