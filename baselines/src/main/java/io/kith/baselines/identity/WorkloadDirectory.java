package io.kith.baselines.identity;

import java.util.Collection;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Who owns a pod: port to {@code workloads:} of {@code kith.yaml}, the Kubernetes API, or the
 * labels of a container.
 *
 * <p>Every method answers from memory, without I/O, and is thread-safe.
 */
public interface WorkloadDirectory {
  /**
   * The workload that speaks with this SPIFFE ID from this address, or null when there is none.
   *
   * <p>An ID that several owners share is told apart by the address; when that is not possible the
   * answer is null, never the first.
   */
  @Nullable Workload speaking(SpiffeId id, IpAddress address);

  /** The workload whose pods have this address, or null. */
  @Nullable Workload at(IpAddress address);

  /** Name of the node on which the only pod with this address runs, or null when not known. */
  default @Nullable String nodeOf(IpAddress pod) {
    return null;
  }

  /** Name of the only node that has this address itself, or null when not known. */
  default @Nullable String nodeAt(IpAddress address) {
    return null;
  }

  /** The workload that this DNS name leads to, or null. Names are in lower case, no final dot. */
  @Nullable Workload named(String name);

  /**
   * Whether what a mesh routes to a service, and was dialled at this address, goes to the service.
   *
   * <p>Not where the mesh sends it on to whatever address was dialled, as for a headless Service, a
   * ServiceEntry without resolution and where a DestinationRule says so, and this one is not the
   * service's.
   *
   * @param service in lower case, no final dot; for one that is not known true, unless such a rule
   *     is for its name
   */
  default boolean leadsTo(String service, IpAddress dialled) {
    return true;
  }

  /**
   * Whether a mesh looks up the name that a client says and sends there, wherever it connected, of
   * the names under a wildcard: a ServiceEntry with {@code resolution: DYNAMIC_DNS}.
   *
   * @param wildcard such as {@code *.example.com}, in lower case
   */
  default boolean looksUp(String wildcard) {
    return false;
  }

  /** Every workload known now that may speak, and those that are only configured to receive. */
  Collection<Workload> all();

  /**
   * Calls back with every workload that joins {@link #all} from now on, from any thread and for
   * ever. The callback does not wait for anything.
   */
  default void tell(Consumer<Workload> appeared) {}
}
