package io.kith.server.kubernetes;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The Services and ServiceEntries of a cluster, from memory. Thread-safe. */
public interface ClusterServices {
  /**
   * A Service or a ServiceEntry.
   *
   * @param names by which Envoy knows it, in lower case, without a port; the first label alone is
   *     one only in its own namespace
   * @param addresses of its own, which nothing else claims; empty where clients get those of its
   *     pods, or what its host resolves to, and where several hosts share them
   * @param ports at these addresses, TCP
   * @param workload that it leads to; null where that is none, or several
   */
  record Known(
      String namespace,
      List<String> names,
      List<IpAddress> addresses,
      List<Integer> ports,
      @Nullable Owner workload) {
    public Known {
      names = List.copyOf(names);
      addresses = List.copyOf(addresses);
      ports = List.copyOf(ports);
    }
  }

  /** All of them, Services first; in no other order. */
  List<Known> services();

  /** Whose an address is, of a pod or of a service; null when it is nobody's. */
  @Nullable Workload at(IpAddress address);
}
