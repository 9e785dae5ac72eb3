package io.kith.server.kubernetes.directory;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.identity.IpAddress;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What is kept of the objects of a cluster. */
final class Facts {
  private Facts() {}

  /** An object by its name in a namespace. */
  record Name(String namespace, String name) {
    @Override
    public String toString() {
      return namespace + "/" + name;
    }
  }

  /**
   * The controller of an object, as its owner references name it; in the same namespace.
   *
   * @param group of its API, without version; empty for the core's
   */
  record Controller(String group, String kind, String name, String uid) {}

  /**
   * A pod that has not ended.
   *
   * @param addresses its own; empty while it has none, and where it uses those of its node
   * @param node where it runs
   * @param meshed it has a sidecar, so that it can have an SVID of the mesh
   * @param leaving it was told to end and may still run
   * @param started seconds since 1970
   */
  record Pod(
      Name name,
      String account,
      @Nullable Controller controller,
      Map<String, String> labels,
      List<IpAddress> addresses,
      Node node,
      boolean meshed,
      boolean leaving,
      long started) {
    Pod {
      labels = Map.copyOf(labels);
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * A node, as a pod on it says.
   *
   * @param name empty while the pod has none
   * @param addresses empty while the pod does not run
   */
  record Node(String name, List<IpAddress> addresses) {
    Node {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * What owns pods and may be owned itself: a ReplicaSet or a Job.
   *
   * @param controller of which it is a part, or null
   */
  record Parent(String kind, Name name, String uid, @Nullable Controller controller) {}

  /**
   * A Service.
   *
   * @param addresses its cluster's addresses; empty for a headless one
   * @param alias another name that it stands for (ExternalName), or null
   * @param selector labels of its pods; empty for none
   * @param ports at its addresses, TCP
   */
  record Service(
      Name name,
      List<IpAddress> addresses,
      @Nullable String alias,
      Map<String, String> selector,
      List<Integer> ports) {
    Service {
      ports = List.copyOf(ports);
      addresses = List.copyOf(addresses);
      selector = Map.copyOf(selector);
    }
  }

  /**
   * Where some of the traffic to a service goes.
   *
   * @param address null for what is no address, such as a host name
   * @param pod name of the pod that is said to be there, in the service's namespace, or null
   */
  record Endpoint(@Nullable IpAddress address, @Nullable String pod) {}

  /** An EndpointSlice. */
  record Slice(Name name, Name service, List<Endpoint> endpoints) {
    Slice {
      endpoints = List.copyOf(endpoints);
    }
  }

  /**
   * A ServiceEntry.
   *
   * @param hosts in lower case
   * @param addresses single ones, no networks
   * @param blocks the addresses and networks that it says are its hosts'
   * @param endpoints empty where it leads to what its hosts resolve to, or what it selects
   * @param selector labels of the pods and WorkloadEntries of its namespace that it leads to; empty
   *     for all of them, null for none
   * @param ports at its addresses, TCP
   * @param passed it has no resolution, so that the mesh sends on to whatever was dialled
   * @param lookedUp wildcards, of which the mesh looks up the client's name itself; in lower case
   */
  record Entry(
      Name name,
      List<String> hosts,
      List<IpAddress> addresses,
      List<Cidr> blocks,
      List<Endpoint> endpoints,
      @Nullable Map<String, String> selector,
      List<Integer> ports,
      boolean passed,
      List<String> lookedUp) {
    Entry {
      lookedUp = List.copyOf(lookedUp);
      blocks = List.copyOf(blocks);
      ports = List.copyOf(ports);
      selector = selector == null ? null : Map.copyOf(selector);
      hosts = List.copyOf(hosts);
      addresses = List.copyOf(addresses);
      endpoints = List.copyOf(endpoints);
    }
  }

  /**
   * A DestinationRule.
   *
   * @param host in lower case, as it says: the whole name of a service, its first label in the
   *     rule's namespace, or what names end with after a {@code *}; empty for none
   * @param passes it has the mesh send what is for the host on to whatever was dialled, at least on
   *     some port or for some subset
   */
  record Rule(Name name, String host, boolean passes) {}

  /**
   * A WorkloadEntry.
   *
   * @param group name of the WorkloadGroup that it is of, or null
   * @param account whose SVID it has, or null when it has none
   * @param address as it says; may be a host name, a socket or nothing
   * @param ip the same, or null when it is no IP address
   */
  record WorkloadEntry(
      Name name,
      @Nullable String group,
      @Nullable String account,
      String address,
      @Nullable IpAddress ip,
      Map<String, String> labels) {
    WorkloadEntry {
      labels = Map.copyOf(labels);
    }
  }
}
