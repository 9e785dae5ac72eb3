package io.kith.istio.doctor;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Findings as they come; the same of several pods of a workload is one. */
final class Findings {
  /** What makes findings the same. */
  private record Same(Rule rule, String subject, String seen, String change) {}

  private final Map<Same, TreeSet<String>> all = new LinkedHashMap<>();

  void add(Rule rule, String subject, String seen, String change) {
    all.computeIfAbsent(new Same(rule, subject, seen, change), _ -> new TreeSet<>());
  }

  /** Of a pod's workload. */
  void add(Rule rule, MeshPod pod, String seen, String change) {
    addOf(rule, pod.owner(), pod.name(), seen, change);
  }

  void addOf(Rule rule, String subject, String pod, String seen, String change) {
    all.computeIfAbsent(new Same(rule, subject, seen, change), _ -> new TreeSet<>()).add(pod);
  }

  /** The worst first, then in the order of the rules. */
  List<Finding> sorted() {
    return all.entrySet().stream()
        .map(
            one ->
                new Finding(
                    one.getKey().rule(),
                    one.getKey().subject(),
                    List.copyOf(one.getValue()),
                    one.getKey().seen(),
                    one.getKey().change()))
        .sorted(
            Comparator.comparing((Finding finding) -> finding.rule().severity())
                .thenComparing(Finding::rule)
                .thenComparing(Finding::subject)
                .thenComparing(Finding::seen))
        .toList();
  }
}
