package io.kith.server.control;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.Instance;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Tells the learners of the pods that run, with traffic and without. Thread-safe. */
final class RunningPods {
  private final Workloads workloads;
  private final Map<SpiffeId, Workload> byId = new HashMap<>();
  private volatile PodSource source = PodSource.NONE;

  RunningPods(Workloads workloads, Collection<Workload> known) {
    this.workloads = workloads;
    known.forEach(workload -> workload.spiffeIds().forEach(id -> byId.put(id, workload)));
  }

  void follow(PodSource pods) {
    source = pods;
  }

  /** Tells of every pod whose workload the bridge attests. */
  void tell(Instant now) {
    for (var pod : source.running()) {
      for (var id : pod.attested()) {
        var workload = byId.get(id);
        if (workload != null) {
          workloads.governed(workload).runs(instance(pod), now);
        }
      }
    }
  }

  /**
   * Tells of the pod that a connection came from.
   *
   * @return when it started, or null when that is not known of this identity
   */
  @Nullable Instant startOf(CheckRecord answered, GovernedWorkload workload, Instant now) {
    var flow = answered.flow();
    if (flow == null || answered.replica().isEmpty()) {
      return null;
    }
    var pod = source.running(IpAddress.parse(answered.replica()));
    if (pod == null || (!pod.attested().isEmpty() && !pod.attested().contains(flow.spiffeId()))) {
      return null;
    }
    workload.runs(instance(pod), now);
    return pod.started();
  }

  /*
   * Named by its address, as in a Check: a pod that starts over and over does not become several
   * replicas, of which an edge needs some to count as normal.
   */
  private static Instance instance(RunningPod pod) {
    return new Instance(pod.address().toString(), pod.started(), null, pod.imageDigest(), false);
  }
}
