package io.kith.server.control;

import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.Instance;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Tells the learners of the pods that run, with traffic and without. Thread-safe. */
final class RunningPods {
  private final Workloads workloads;
  private final WorkloadDirectory directory;
  private volatile PodSource source = PodSource.NONE;

  RunningPods(Workloads workloads, WorkloadDirectory directory) {
    this.workloads = workloads;
    this.directory = directory;
  }

  void follow(PodSource pods) {
    source = pods;
  }

  /** Those that run. */
  List<RunningPod> running() {
    return source.running();
  }

  /** How many run. */
  int count() {
    return source.running().size();
  }

  /** Tells of every pod whose workload the bridge attests. */
  void tell(Instant now) {
    for (var pod : source.running()) {
      for (var id : pod.attested()) {
        var speaking = directory.speaking(id, pod.address());
        var workload = speaking == null ? null : workloads.find(speaking.owner());
        if (workload != null) {
          runs(pod, workload, now);
        }
      }
    }
  }

  /**
   * Tells of the pod that a connection came from.
   *
   * @return the pod, or null when none of this identity is known at that address
   */
  @Nullable RunningPod podOf(CheckRecord answered, GovernedWorkload workload, Instant now) {
    var flow = answered.flow();
    if (flow == null || answered.replica() == null) {
      return null;
    }
    var pod = source.running(answered.replica());
    if (pod == null || (!pod.attested().isEmpty() && !pod.attested().contains(flow.spiffeId()))) {
      return null;
    }
    runs(pod, workload, now);
    return pod;
  }

  private static void runs(RunningPod pod, GovernedWorkload workload, Instant now) {
    var started = pod.started();
    if (started != null) {
      workload.runs(instance(pod, started, workload.owner().isJob()), now);
    }
  }

  /*
   * Named by its first address: a pod that starts over and over, or speaks over IPv4 and IPv6, does
   * not become several replicas, of which an edge needs some to count as normal. Runs of a job at
   * one address are counted by their starts.
   */
  private static Instance instance(RunningPod pod, Instant started, boolean job) {
    return new Instance(pod.address().toString(), started, null, pod.imageDigest(), job);
  }
}
