package io.kith.baselines.export;

import io.kith.baselines.identity.Owner;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where workloads are in one cluster; port to the directory or the Kubernetes API. */
@FunctionalInterface
public interface Placement {
  /** The place of a workload, or null when it is not here. */
  @Nullable Placed of(Owner owner);

  /**
   * A workload in a cluster.
   *
   * @param namespace with its environment
   * @param labels that select its pods; at least one
   * @param host name of its service, or null when it has none
   * @param principal SPIFFE ID without {@code spiffe://}, or null when it has none
   */
  record Placed(
      String namespace,
      Map<String, String> labels,
      @Nullable String host,
      @Nullable String principal) {
    public Placed {
      labels = Map.copyOf(labels);
      if (labels.isEmpty()) {
        throw new IllegalArgumentException("labels: none (expected: those that select the pods)");
      }
    }
  }
}
