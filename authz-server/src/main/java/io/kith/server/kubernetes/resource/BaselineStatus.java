package io.kith.server.kubernetes.resource;

import io.kith.baselines.identity.Owner;
import io.kith.server.control.ControlState;
import io.kith.server.control.WorkloadCoverage;
import io.kith.server.control.WorkloadState;
import io.kith.server.kubernetes.resource.Condition.Reason;
import io.kith.server.kubernetes.resource.StatusWriter.Target;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Where workloads stand, as statuses of Baselines. */
final class BaselineStatus {
  private static final Pattern NAME = Pattern.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?");

  private BaselineStatus() {}

  /**
   * Of every known workload.
   *
   * @param coverage of all of them
   * @param before the statuses that were written last
   */
  static Map<Target, Map<String, Object>> all(
      ControlState state,
      List<WorkloadCoverage> coverage,
      Map<Target, Map<String, Object>> before,
      Instant now) {
    var coverages = new HashMap<Owner, WorkloadCoverage>();
    coverage.forEach(one -> coverages.put(one.owner(), one));
    var all = new LinkedHashMap<Target, Map<String, Object>>();
    for (var one : state.states()) {
      var target = target(one.owner());
      var known = coverages.get(one.owner());
      if (target != null && known != null) {
        all.put(target, of(one, known, before.getOrDefault(target, Map.of()), now));
      }
    }
    return all;
  }

  /** The object of a workload; null where its name cannot be one of an object. */
  static @Nullable Target target(Owner owner) {
    var name = owner.kind() + "-" + owner.name();
    return NAME.matcher(name).matches() && NAME.matcher(owner.namespace()).matches()
        ? new Target(Kind.BASELINE, owner.namespace(), name)
        : null;
  }

  private static Map<String, Object> of(
      WorkloadState state, WorkloadCoverage coverage, Map<String, Object> before, Instant now) {
    var status = new LinkedHashMap<String, Object>();
    status.put("workload", state.owner().toString());
    status.put("mode", state.mode().word());
    status.put("modeFrom", state.modeFrom());
    status.put("stage", state.stage().word());
    if (coverage.since() != null) {
      status.put("coverage", (int) Math.floor((1 - coverage.deficit()) * 100) + "%");
    }
    var newest = coverage.newest();
    if (newest != null) {
      status.put("revision", newest.baseline().revision());
    }
    status.put("pendingReviews", coverage.reviewItems());
    status.put(
        "edges",
        Map.of(
            "approved", state.approvedEdges(),
            "candidate", state.candidateEdges(),
            "quarantined", state.quarantinedEdges()));
    var waits = state.waitsFor();
    status.put(
        "conditions",
        Condition.json(
            List.of(
                waits.isEmpty()
                    ? new Condition(Condition.Type.READY, Reason.NOTHING_TO_DO, "")
                    : new Condition(Condition.Type.READY, Reason.WAITS, String.join("; ", waits))),
            before,
            0,
            now));
    return status;
  }
}
