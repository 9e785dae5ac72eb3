package io.kith.baselines.decision;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Edges by process class, the strictest first. */
final class EdgeIndex {
  private final Map<ProcessClass, List<Edge>> byClass;

  private EdgeIndex(Map<ProcessClass, List<Edge>> byClass) {
    this.byClass = byClass;
  }

  static EdgeIndex of(List<Edge> baseline, List<Edge> byHand) {
    var lists = new HashMap<ProcessClass, List<Edge>>();
    for (var edges : List.of(byHand, baseline)) {
      for (var edge : edges) {
        lists.computeIfAbsent(edge.process(), _ -> new ArrayList<>()).add(edge);
      }
    }
    lists.replaceAll(
        (_, edges) -> {
          edges.sort(Comparator.comparing(Edge::strictness).reversed());
          return List.copyOf(edges);
        });
    return new EdgeIndex(Map.copyOf(lists));
  }

  /** The edges of a class, strictest first; empty when the class is not known. */
  List<Edge> of(ProcessClass process) {
    return byClass.getOrDefault(process, List.of());
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

  boolean isEmpty() {
    return byClass.isEmpty();
  }

  /** Any edge to that destination's name, for the explanation of a denial; rarely called. */
  List<Edge> all() {
    return byClass.values().stream().flatMap(List::stream).toList();
  }
}
