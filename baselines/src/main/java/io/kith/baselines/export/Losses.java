package io.kith.baselines.export;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a target could not express, collected for the head of its text. */
final class Losses {
  private final Map<String, List<String>> edgesByReason = new LinkedHashMap<>();

  /** An edge that is not in the text, or is in it only roughly. */
  void add(Baseline baseline, Edge edge, String reason) {
    var edges = edgesByReason.computeIfAbsent(reason, _ -> new ArrayList<>());
    edges.add(baseline.owner() + ": " + edge.words());
  }

  /** The head of a text. */
  List<String> comment(String title, List<Baseline> baselines, List<String> always) {
    var lines = new ArrayList<String>();
    lines.add(title + ", exported by Kith from");
    baselines.forEach(baseline -> lines.add("  " + baseline.owner() + " " + baseline.revision()));
    lines.add("");
    lines.add("Lost on the way:");
    always.forEach(loss -> lines.add("  - " + loss));
    edgesByReason.forEach(
        (reason, edges) -> {
          lines.add("  - " + reason + ":");
          edges.stream().distinct().sorted().forEach(edge -> lines.add("      " + edge));
        });
    return lines;
  }
}
