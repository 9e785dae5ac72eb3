package io.kith.server.files;

import io.kith.baselines.change.BaselineDiff;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.export.NativeYaml;
import io.kith.baselines.identity.Owner;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What differs between baselines, workload by workload. */
public final class DiffDocument {
  private final List<Line> lines = new ArrayList<>();

  private record Line(Owner owner, @Nullable Baseline before, Baseline after, BaselineDiff diff) {}

  /** Of every workload that one of both has. */
  public static DiffDocument of(Map<Owner, Baseline> before, Map<Owner, Baseline> after) {
    var document = new DiffDocument();
    var owners = new TreeSet<>(before.keySet());
    owners.addAll(after.keySet());
    for (var owner : owners) {
      var was = before.get(owner);
      var is = after.get(owner);
      var next = is == null ? Baseline.of(owner, null, List.of()) : is;
      document.lines.add(new Line(owner, was, next, BaselineDiff.of(was, next)));
    }
    return document;
  }

  /** Whether there is anything to look at. */
  public boolean isEmpty() {
    return lines.stream().allMatch(line -> isEmpty(line.diff));
  }

  private static boolean isEmpty(BaselineDiff diff) {
    return diff.hasNoNewBehaviour()
        && diff.goneProcesses().isEmpty()
        && diff.goneDestinations().isEmpty()
        && diff.otherFiles().isEmpty();
  }

  /** For people. */
  public void print(PrintWriter out) {
    var separator = "";
    for (var line : lines) {
      out.print(separator);
      out.println(line.owner + ": " + revision(line.before) + " → " + revision(line.after));
      out.print(line.diff.text());
      separator = System.lineSeparator();
    }
  }

  private static String revision(@Nullable Baseline baseline) {
    return baseline == null ? "nothing" : baseline.revision();
  }

  /** For machines. */
  public Map<String, Object> map() {
    return Map.of("workloads", lines.stream().map(DiffDocument::map).toList());
  }

  private static Map<String, Object> map(Line line) {
    var map = new LinkedHashMap<String, Object>();
    map.put("owner", line.owner.toString());
    map.put("from", line.before == null ? "" : line.before.revision());
    map.put("to", line.after.revision());
    map.put("new_processes", edges(line.diff.newProcesses()));
    map.put("new_destinations", edges(line.diff.newDestinations()));
    map.put("gone_processes", edges(line.diff.goneProcesses()));
    map.put("gone_destinations", edges(line.diff.goneDestinations()));
    map.put("other_terms", changes(line.diff.otherTerms()));
    map.put("other_files", changes(line.diff.otherFiles()));
    map.put("same", line.diff.same());
    return map;
  }

  private static List<Object> edges(List<Edge> edges) {
    return edges.stream().<Object>map(NativeYaml::edge).toList();
  }

  private static List<Object> changes(List<BaselineDiff.Change> changes) {
    return changes.stream()
        .<Object>map(
            change ->
                Map.of(
                    "before", NativeYaml.edge(change.before()),
                    "after", NativeYaml.edge(change.after())))
        .toList();
  }
}
