package io.kith.server.cli;

import static io.kith.server.admin.Timestamps.timestamp;

import io.kith.admin.v1.ClusterStatus;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.ClusterServices;
import io.kith.server.kubernetes.directory.KubernetesDirectory;
import io.kith.server.telemetry.Metrics;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The cluster whose API server says who is who. A class of its own, so that a server without one
 * loads nothing of the client.
 */
final class WatchedCluster implements AutoCloseable {
  private static final Duration AGAIN = Duration.ofMillis(50);

  /** Every service is looked at, so not at every reading of the metrics. */
  private static final Duration COUNTS_EVERY = Duration.ofSeconds(10);

  private final KubernetesDirectory directory;

  private WatchedCluster(KubernetesDirectory directory) {
    this.directory = directory;
  }

  /** Begins to watch. */
  static WatchedCluster open(KithConfig settings, KubernetesSettings cluster, Surroundings here)
      throws Failure {
    return new WatchedCluster(
        KubernetesDirectory.open(
            cluster,
            settings.workloads(),
            here.directory(),
            here.environment(),
            settings.bridge().proxyContainer()));
  }

  /**
   * Returns when everything was listed once.
   *
   * @param waits gets words about what is waited for
   */
  void await(Consumer<String> waits) throws InterruptedException {
    for (var why = directory.waitsFor(); !why.isEmpty(); why = directory.waitsFor()) {
      waits.accept(why);
      Thread.sleep(AGAIN);
    }
  }

  WorkloadDirectory directory() {
    return directory.answers();
  }

  ClusterPods pods() {
    return directory.pods();
  }

  ClusterServices services() {
    return directory.services();
  }

  void measure(Metrics metrics) {
    var status = new Lately<>(COUNTS_EVERY, directory::status);
    metrics.gauge(
        "kith_kubernetes_connected",
        "1 while the Kubernetes API server is watched, else 0: who is who stays as it was.",
        () -> directory.isConnected() ? 1 : 0);
    metrics.gauge(
        "kith_kubernetes_age_seconds",
        "Seconds since the Kubernetes API server was watched last; 0 while it is.",
        directory::age);
    metrics.gauge(
        "kith_kubernetes_pods",
        "Pods of the cluster that have not ended.",
        () -> status.get().counts().pods());
    metrics.gauge(
        "kith_kubernetes_unresolved",
        "ReplicaSets and Jobs that pods name as theirs and that are not there: the pods are"
            + " nobody's.",
        () -> status.get().counts().unresolved());
    metrics.gauges(
        "kith_kubernetes_services",
        "Services and ServiceEntries by where they lead: to a workload, to pods of several owners,"
            + " elsewhere (what is no pod), or nowhere.",
        "leads",
        () -> status.get().counts().services());
    metrics.gauges(
        "kith_kubernetes_workload_entries",
        "WorkloadEntries by whether they name a workload; the log says why one does not.",
        "names",
        () -> status.get().counts().workloadEntries());
  }

  /** How it is, as the admin API tells it. */
  ClusterStatus status() {
    var status = directory.status();
    return ClusterStatus.newBuilder()
        .setServer(status.server())
        .setConnected(status.connected())
        .setAsOf(timestamp(status.asOf()))
        .setProblem(status.problem())
        .setPods(status.counts().pods())
        .setWorkloads(status.counts().workloads())
        .setUnresolved(status.counts().unresolved())
        .addAllSeveralOwners(status.counts().several())
        .addAllContradictions(status.contradictions())
        .build();
  }

  @Override
  public void close() {
    directory.close();
  }
}
