package io.kith.baselines.replay;

import io.kith.baselines.identity.SpiffeId;
import org.jspecify.annotations.Nullable;

/** Names of a log without the environment that they belong to. */
final class Names {
  private static final String CLUSTER = ".svc.cluster.local";

  private Names() {}

  /** The namespace of {@code spiffe://…/ns/NAMESPACE/sa/…}, without {@code -qa} and the like. */
  static String namespace(SpiffeId workload, String environment) {
    var segments = workload.segments();
    var at = segments.indexOf("ns");
    return at < 0 || at + 1 == segments.size()
        ? "default"
        : withoutSuffix(segments.get(at + 1), environment);
  }

  private static String withoutSuffix(String namespace, String environment) {
    var suffix = "-" + environment;
    return !environment.isEmpty()
            && namespace.endsWith(suffix)
            && namespace.length() > suffix.length()
        ? namespace.substring(0, namespace.length() - suffix.length())
        : namespace;
  }

  /**
   * The name of a service of the cluster, in full and without its environment.
   *
   * @return null when the name is another one
   */
  static @Nullable String service(String name, String environment) {
    var full = name.endsWith(".svc") ? name + ".cluster.local" : name;
    if (!full.endsWith(CLUSTER)) {
      return null;
    }
    var front = full.substring(0, full.length() - CLUSTER.length());
    var dot = front.lastIndexOf('.');
    if (dot <= 0) {
      return null;
    }
    return front.substring(0, dot + 1)
        + withoutSuffix(front.substring(dot + 1), environment)
        + CLUSTER;
  }

  /** Namespace and name of what a service or owner is named after, or null. */
  static @Nullable WorkloadKey keyOf(String name) {
    if (name.endsWith(CLUSTER)) {
      var labels = name.substring(0, name.length() - CLUSTER.length()).split("\\.", -1);
      return new WorkloadKey(labels[labels.length - 1], labels[Math.max(0, labels.length - 2)]);
    }
    var parts = name.split("/", -1);
    return parts.length == 3 ? new WorkloadKey(parts[0], parts[2]) : null;
  }

  /** A workload in any environment. */
  record WorkloadKey(String namespace, String app) {}
}
