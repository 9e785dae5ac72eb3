package io.kith.server.kubernetes;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import java.time.Instant;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Which pods of a cluster have sidecars, and whose pods are, from memory. Thread-safe. */
public interface ClusterPods {
  /**
   * A pod with a sidecar that runs, or is about to.
   *
   * @param name with its namespace, as {@code shop/checkout-7d4}
   * @param addresses not empty
   * @param started in whole seconds
   */
  record MeshedPod(Owner owner, String name, List<IpAddress> addresses, Instant started) {
    public MeshedPod {
      addresses = List.copyOf(addresses);
    }
  }

  /** Pods with a sidecar that were not told to end; looks at every pod. */
  List<MeshedPod> meshed(Predicate<Owner> of);

  /** Whose a pod is, or null when it is not known. */
  @Nullable Owner ownerOf(String namespace, String pod);
}
