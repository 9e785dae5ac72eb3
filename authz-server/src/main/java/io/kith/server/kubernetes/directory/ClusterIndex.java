package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.ClusterServices;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Who is who in a cluster, from what its objects say: the pure part, without an API server.
 *
 * <p>Each change costs what the object that changed costs, however many there are. Thread-safe:
 * changes wait for each other, answers take no lock.
 */
final class ClusterIndex implements WorkloadDirectory, ClusterPods, ClusterServices {
  private final Owners owners = new Owners();
  private final Pods pods;
  private final WorkloadEntries workloadEntries;
  private final Services services;

  /**
   * @param trustDomain of the mesh, as {@code cluster.local}
   * @param clusterDomain suffix of the names of services, as {@code cluster.local}
   * @throws IllegalArgumentException when the trust domain is none
   */
  ClusterIndex(String trustDomain, String clusterDomain) {
    var _ = SpiffeId.parse("spiffe://" + trustDomain + "/ns/kith/sa/kith");
    var links = new Links();
    pods = new Pods(owners, trustDomain, links);
    workloadEntries = new WorkloadEntries(owners, trustDomain, links);
    services =
        new Services(
            owners,
            pods::ownerAt,
            pods::ownerOfComing,
            namespace ->
                Stream.concat(pods.in(namespace).stream(), workloadEntries.in(namespace).stream()),
            workloadEntries::changed,
            clusterDomain);
  }

  /** What the parts tell each other. */
  private final class Links implements Pods.Listener, WorkloadEntries.Surroundings {
    @Override
    public void changed(IpAddress address) {
      services.changed(address);
      workloadEntries.changed(address);
    }

    @Override
    public void replaced(@Nullable Selectable before, @Nullable Selectable fresh) {
      services.replaced(before, fresh);
    }

    @Override
    public @Nullable String holderOf(IpAddress address, String namespace) {
      if (pods.at(address) != null) {
        return "is a pod's";
      }
      if (pods.isOfNode(address)) {
        return "is a node's";
      }
      return services.holds(address, namespace)
          ? "is a service's, or an endpoint of a service of another namespace"
          : null;
    }
  }

  // ---- changes

  synchronized void put(Facts.Pod pod) {
    pods.put(pod);
  }

  /** It ended, or is gone. */
  synchronized void removePod(Facts.Name name) {
    pods.remove(name);
  }

  synchronized void put(Facts.Parent parent) {
    pods.put(parent);
  }

  synchronized void removeParent(String kind, Facts.Name name) {
    pods.removeParent(kind, name);
  }

  synchronized void put(Facts.Service service) {
    services.put(service);
  }

  synchronized void removeService(Facts.Name name) {
    services.removeService(name);
  }

  synchronized void put(Facts.Slice slice) {
    services.put(slice);
  }

  synchronized void removeSlice(Facts.Name name) {
    services.removeSlice(name);
  }

  synchronized void put(Facts.Entry entry) {
    services.put(entry);
  }

  synchronized void removeEntry(Facts.Name name) {
    services.removeEntry(name);
  }

  synchronized void put(Facts.Rule rule) {
    services.put(rule);
  }

  synchronized void removeRule(Facts.Name name) {
    services.removeRule(name);
  }

  synchronized void put(Facts.WorkloadEntry entry) {
    workloadEntries.put(entry);
  }

  synchronized void removeWorkloadEntry(Facts.Name name) {
    workloadEntries.remove(name);
  }

  /**
   * Says the environment of a namespace.
   *
   * @param environment null for {@code default}
   */
  synchronized void environment(String namespace, @Nullable String environment) {
    owners.environment(namespace, environment);
  }

  // ---- answers

  /**
   * Whether an address says who speaks with an ID: a pod has the address, or several claim it, or a
   * WorkloadEntry with this ID has it.
   */
  boolean tells(SpiffeId id, IpAddress address) {
    return pods.at(address) != null || workloadEntries.ownerAt(address, id) != null;
  }

  /**
   * The workload of the pod or the WorkloadEntry at the address, if its service account is the
   * ID's. Of an address that no pod has, and no WorkloadEntry with this ID, the ID's only owner.
   */
  @Override
  public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
    var claim = pods.at(address);
    if (claim == null) {
      var machine = workloadEntries.ownerAt(address, id);
      return machine == null ? owners.only(id) : machine.workload();
    }
    var holder = claim.holder();
    var own = holder == null ? null : holder.id();
    var owner = holder == null || own == null || !own.equals(id) ? null : holder.owner();
    return owner == null ? null : owner.workload();
  }

  @Override
  public @Nullable Workload at(IpAddress address) {
    var owner = pods.at(address) == null ? ofNoPod(address) : pods.ownerAt(address);
    return owner == null ? null : owner.workload();
  }

  @Override
  public @Nullable String nodeOf(IpAddress pod) {
    return pods.nodeOf(pod);
  }

  @Override
  public synchronized @Nullable String nodeAt(IpAddress address) {
    return pods.nodeAt(address);
  }

  /** Where a ServiceEntry and a WorkloadEntry say different things of an address: nobody's. */
  private Owners.@Nullable Entry ofNoPod(IpAddress address) {
    var machine = workloadEntries.ownerAt(address);
    if (!services.isClaimed(address)) {
      return machine;
    }
    var owner = services.at(address);
    return machine == null || machine == owner ? owner : null;
  }

  @Override
  public @Nullable Workload named(String name) {
    var owner = services.named(name);
    return owner == null ? null : owner.workload();
  }

  @Override
  public boolean leadsTo(String service, IpAddress dialled) {
    return services.leadTo(service, dialled);
  }

  @Override
  public boolean looksUp(String wildcard) {
    return services.looksUp(wildcard);
  }

  /** The workload of an owner, or null. */
  @Nullable Workload owned(Owner owner) {
    return owners.of(owner);
  }

  /** The owners of pods that have an ID. */
  Set<Owner> speakers(SpiffeId id) {
    return owners.speakers(id);
  }

  @Override
  public synchronized List<MeshedPod> meshed(Predicate<Owner> of) {
    return pods.meshed(of);
  }

  @Override
  public synchronized @Nullable Owner ownerOf(String namespace, String pod) {
    return pods.ownerOf(new Facts.Name(namespace, pod));
  }

  @Override
  public synchronized List<Known> services() {
    return services.all();
  }

  /** Those of pods with a sidecar; other pods have workloads as well, which only receive. */
  @Override
  public Collection<Workload> all() {
    return owners.speaking();
  }

  @Override
  public void tell(Consumer<Workload> appeared) {
    owners.tell(appeared);
  }

  /** WorkloadEntries that name nothing, with why, in words. */
  synchronized List<String> unusedWorkloadEntries() {
    return workloadEntries.unused();
  }

  /** Looks at every service, so not for every Check. */
  synchronized KubernetesDirectory.Counts counts() {
    return new KubernetesDirectory.Counts(
        pods.size(),
        owners.size(),
        pods.unresolved(),
        services.count(),
        workloadEntries.count(),
        services.ofSeveral(5));
  }
}
