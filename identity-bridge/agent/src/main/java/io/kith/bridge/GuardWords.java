package io.kith.bridge;

import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.PodGuard;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The guard for people, a line each. */
final class GuardWords {
  private static final int EVENTS = 10;

  private GuardWords() {}

  static List<String> lines(List<String> problems, List<PodGuard> pods, List<GuardEvent> events) {
    var lines = new ArrayList<String>();
    problems.forEach(problem -> lines.add("guard: " + problem));
    var guarded = pods.stream().filter(pod -> isWorthALine(pod)).toList();
    lines.add(guarded.isEmpty() ? "guard: no pod is guarded" : "guard:");
    for (var pod : guarded) {
      lines.add("  " + pod.pod() + " " + pod.words());
      pod.problems().forEach(problem -> lines.add("    but " + problem));
      pod.totals().byReason().entrySet().stream()
          .sorted(Map.Entry.comparingByKey())
          .forEach(
              entry ->
                  lines.add(
                      String.format(
                          Locale.ROOT,
                          "    %s: %,d seen, %,d refused",
                          entry.getKey().words(),
                          entry.getValue().seen(),
                          entry.getValue().refused())));
      if (pod.destroyed() > 0) {
        lines.add("    ended connections: " + pod.destroyed());
      }
      if (pod.rawHolders() + pod.rawAble() > 0) {
        lines.add(raw(pod));
      }
    }
    events.stream()
        .sorted(Comparator.comparingLong(GuardEvent::seen).reversed())
        .limit(EVENTS)
        .forEach(event -> lines.add(where(event) + event.pod() + ": " + event.words()));
    return lines;
  }

  private static String where(GuardEvent event) {
    return event.reason().isPastSidecar() ? "  past the sidecar, " : "  to a resolver, ";
  }

  private static boolean isWorthALine(PodGuard pod) {
    return pod.applied() != null || pod.spoken() || !pod.problems().isEmpty();
  }

  private static String raw(PodGuard pod) {
    return "    may send packets that no guard sees (CAP_NET_RAW): "
        + pod.rawHolders()
        + " processes"
        + (pod.rawNamed().isEmpty() ? "" : " " + pod.rawNamed())
        + ", and "
        + pod.rawAble()
        + " that may gain it";
  }
}
