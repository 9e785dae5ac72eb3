package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.util.Arrays;
import java.util.List;
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
        Arrays.stream(addresses).map(Cluster::ip).toList(),
        true,
        false,
        started);
  }

  static Facts.Pod leaving(Facts.Pod pod) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        pod.addresses(),
        pod.meshed(),
        true,
        pod.started());
  }

  static Facts.Pod withoutSidecar(Facts.Pod pod) {
    return new Facts.Pod(
        pod.name(),
        pod.account(),
        pod.controller(),
        pod.addresses(),
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
    return new Facts.Service(name(name), Stream.of(addresses).map(Cluster::ip).toList(), null);
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
