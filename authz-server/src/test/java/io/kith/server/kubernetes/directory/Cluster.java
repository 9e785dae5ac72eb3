package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Objects of a cluster, as short as they can be said. */
final class Cluster {
  static final String DOMAIN = "cluster.example";

  private Cluster() {}

  static ClusterIndex index() {
    return new ClusterIndex("mesh.example", DOMAIN);
  }

  static Facts.Name name(String text) {
    var parts = text.split("/", -1);
    return new Facts.Name(parts[0], parts[1]);
  }

  static IpAddress ip(String text) {
    return IpAddress.parse(text);
  }

  /** {@code shop/checkout}: account of a namespace. */
  static SpiffeId id(String account) {
    var name = name(account);
    return SpiffeId.parse(
        "spiffe://mesh.example/ns/%s/sa/%s".formatted(name.namespace(), name.name()));
  }

  static Facts.Controller replicaSet(String name) {
    return new Facts.Controller("apps", "ReplicaSet", name, "uid-of-" + name);
  }

  static Facts.Controller statefulSet(String name) {
    return new Facts.Controller("apps", "StatefulSet", name, "uid-of-" + name);
  }

  /** With a sidecar and the account {@code main}. */
  static Facts.Pod pod(
      String name, Facts.@Nullable Controller controller, long started, String... addresses) {
    return pod(name, "main", controller, started, addresses);
  }

  static Facts.Pod pod(
      String name,
      String account,
      Facts.@Nullable Controller controller,
      long started,
      String... addresses) {
    return new Facts.Pod(
        name(name),
        account,
        controller,
        Map.of(),
        Arrays.stream(addresses).map(Cluster::ip).toList(),
        new Facts.Node("", List.of()),
        true,
        false,
        started);
  }

  static Facts.Pod labelled(Facts.Pod pod, Map<String, String> labels) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        labels,
        pod.addresses(),
        pod.node(),
        pod.meshed(),
        pod.leaving(),
        pod.started());
  }

  /** On a node of these addresses, whose name is the first. */
  static Facts.Pod onNode(Facts.Pod pod, String... addresses) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        pod.labels(),
        pod.addresses(),
        new Facts.Node(addresses[0], Arrays.stream(addresses).map(Cluster::ip).toList()),
        pod.meshed(),
        pod.leaving(),
        pod.started());
  }

  static Facts.Pod leaving(Facts.Pod pod) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        pod.labels(),
        pod.addresses(),
        pod.node(),
        pod.meshed(),
        true,
        pod.started());
  }

  static Facts.Pod withoutSidecar(Facts.Pod pod) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        pod.labels(),
        pod.addresses(),
        pod.node(),
        false,
        pod.leaving(),
        pod.started());
  }

  /** {@code ReplicaSet/shop/web-1} as a part of a Deployment. */
  static Facts.Parent deployed(String replicaSet, String deployment) {
    var name = name(replicaSet);
    return new Facts.Parent(
        "ReplicaSet",
        name,
        "uid-of-" + name.name(),
        new Facts.Controller("apps", "Deployment", deployment, "uid-of-" + deployment));
  }

  static Facts.Service service(String name, String... addresses) {
    return new Facts.Service(
        name(name), Stream.of(addresses).map(Cluster::ip).toList(), null, Map.of(), List.of(80));
  }

  static Facts.Service alias(String name, String other) {
    return new Facts.Service(name(name), List.of(), other, Map.of(), List.of());
  }

  static Facts.Entry entry(
      String name, List<String> hosts, List<IpAddress> addresses, List<Facts.Endpoint> endpoints) {
    return new Facts.Entry(
        name(name), hosts, addresses, List.of(), endpoints, null, List.of(443), false, List.of());
  }

  /** A ServiceEntry of what has the labels. */
  static Facts.Entry selecting(String name, String host, Map<String, String> labels) {
    return new Facts.Entry(
        name(name),
        List.of(host),
        List.of(),
        List.of(),
        List.of(),
        labels,
        List.of(),
        false,
        List.of());
  }

  /** A ServiceEntry of a wildcard with {@code resolution: DYNAMIC_DNS}. */
  static Facts.Entry lookedUp(String name, String wildcard) {
    return new Facts.Entry(
        name(name),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        null,
        List.of(443),
        false,
        List.of(wildcard));
  }

  /** A DestinationRule with PASSTHROUGH. */
  static Facts.Rule passing(String name, String host) {
    return new Facts.Rule(name(name), host, true);
  }

  /** A WorkloadEntry with the account {@code vm} and the label {@code app: vm}. */
  static Facts.WorkloadEntry machine(String name, String address) {
    return machine(name, null, "vm", address);
  }

  static Facts.WorkloadEntry machine(
      String name, @Nullable String group, @Nullable String account, String address) {
    return new Facts.WorkloadEntry(
        name(name), group, account, address, ipOrNull(address), Map.of("app", "vm"));
  }

  private static @Nullable IpAddress ipOrNull(String address) {
    try {
      return ip(address);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  static Facts.Slice slice(String name, String service, String... addresses) {
    return new Facts.Slice(name(name), name(service), endpoints(addresses));
  }

  static List<Facts.Endpoint> endpoints(String... addresses) {
    return Stream.of(addresses).map(one -> new Facts.Endpoint(ip(one), null)).toList();
  }

  /** Owner of an address in words, or "nobody". */
  static String at(ClusterIndex index, String address) {
    var workload = index.at(ip(address));
    return workload == null ? "nobody" : workload.owner().toString();
  }

  static String named(ClusterIndex index, String name) {
    var workload = index.named(name);
    return workload == null ? "nobody" : workload.owner().toString();
  }

  static String speaking(ClusterIndex index, String account, String address) {
    var workload = index.speaking(id(account), ip(address));
    return workload == null ? "nobody" : workload.owner().toString();
  }
}
