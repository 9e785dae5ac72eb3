package io.kith.istio.doctor;

import java.util.List;

/** Words and commands of changes that all rules share. */
final class Commands {
  /** Where people say what may go past sidecars. */
  static final String APPROVED_TCP =
      "guard.approvedTcp in the chart's values, server.guard.approvedTcp in kith.yaml";

  private Commands() {}

  /** As {@code a, b and 3 more}. */
  static String some(List<String> names) {
    var limit = 5;
    return names.size() <= limit
        ? String.join(", ", names)
        : String.join(", ", names.subList(0, limit)) + " and " + (names.size() - limit) + " more";
  }

  /** How to start the pods of a workload anew. */
  static String restart(MeshPod pod) {
    var parts = pod.owner().split("/", -1);
    return switch (parts[1]) {
      case "deployment", "statefulset", "daemonset" ->
          "kubectl rollout restart " + parts[1] + "/" + parts[2] + " -n " + parts[0];
      case "pod" -> // nobody would make it again
          "kubectl get pod "
              + pod.name()
              + " -n "
              + pod.namespace()
              + " -o yaml | kubectl replace --force -f -";
      default -> // which makes another
          "kubectl delete pod " + pod.name() + " -n " + pod.namespace();
    };
  }
}
