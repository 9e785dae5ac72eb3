package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import java.util.List;
import java.util.TreeSet;

/** Whether what a sidecar does while nobody answers is what the workload's mode wants. */
record FailureModeRules(MeshObjects objects, Recipe recipe, KithStatus status, Findings findings) {
  void judge(MeshPod pod, SidecarConfig sidecar) {
    var mode = status.mode(pod, objects);
    if (mode.isEmpty()) {
      return;
    }
    var open = new TreeSet<String>();
    var closed = new TreeSet<String>();
    for (var name : List.of(MeshNames.CONNECTION, MeshNames.REQUEST)) {
      sidecar
          .named(name)
          .filter(filter -> filter.checksConnections() || filter.checksRequests())
          .forEach(
              filter ->
                  (filter.config().at("failure_mode_allow").isTrue() ? open : closed).add(name));
    }
    sidecar
        .named(MeshNames.LEADS_TO_GATE)
        .map(filter -> filter.config().at("cluster").text())
        .forEach(gate -> (gate.equals(MeshNames.OPEN_GATE) ? open : closed).add(gate));
    var floor = sidecar.named(MeshNames.FLOOR).findAny().isPresent();
    if (mode.equals("enforce") && !open.isEmpty() && !floor) {
      findings.add(
          Rule.OPEN_UNDER_ENFORCE,
          pod,
          "mode enforce, and failure_mode_allow in " + String.join(", ", open),
          recipe.overlay(pod, sidecar, "closed"));
    }
    if (!mode.equals("enforce") && !closed.isEmpty()) {
      findings.add(
          Rule.CLOSED_UNDER_OBSERVE,
          pod,
          "mode " + mode + ", and no failure_mode_allow in " + String.join(", ", closed),
          recipe.overlay(pod, sidecar, "open"));
    }
  }
}
