package io.kith.server.kubernetes.directory;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.kubernetes.ClusterPods;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The pods that have not ended, by name and by address. Changed by one thread at a time; reading
 * takes no lock.
 */
final class Pods {
  /*
   * Who has an address is a matter of what the objects say now, and not of the order in which they
   * were told: of several pods that claim one, those that were told to end lose, then those that
   * started earlier; where that does not tell them apart, it is nobody's until it does. So a pod
   * that gets the address of one whose end is not told yet has it at once, and what a watch or a
   * list hands over late changes nothing.
   */
  private static final IpAddress[] NONE = {};

  private final Owners owners;
  private final String trustDomain;

  private final Listener listener;
  private final Map<String, Map<String, Row>> byNamespace = new HashMap<>();
  private final ConcurrentHashMap<IpAddress, Claim> byAddress = new ConcurrentHashMap<>();
  private final Map<Of, Controlled> controllers = new HashMap<>();
  private final Map<String, Facts.Parent> parents = new HashMap<>();
  private final Set<Controlled> unresolved = new HashSet<>();
  private final Map<Facts.Node, Node> nodes = new HashMap<>();
  private final Map<IpAddress, Integer> nodesByAddress = new HashMap<>();
  private int size;

  /** Is told what changes. */
  interface Listener {
    /** It leads to another owner than before, perhaps, or is a node's, or not any more. */
    void changed(IpAddress address);

    /** Another one than before, or none, or the same one that is now somebody else's. */
    void replaced(@Nullable Selectable before, @Nullable Selectable fresh);
  }

  Pods(Owners owners, String trustDomain, Listener listener) {
    this.owners = owners;
    this.trustDomain = trustDomain;
    this.listener = listener;
  }

  /** Who has an address: a pod, or several that claim it. */
  sealed interface Claim permits Row, Contest {
    /** The pod that has it, or null when that cannot be told. */
    @Nullable Row holder();
  }

  /** Several pods claim an address. */
  private record Contest(List<Row> claimants, @Nullable Row holder) implements Claim {}

  /** Where pods run. */
  private static final class Node {
    private final Facts.Node says;
    private int pods;

    private Node(Facts.Node says) {
      this.says = says;
    }
  }

  /** A pod. */
  static final class Row implements Claim, Selectable {
    private final Controlled controlled;
    private final @Nullable SpiffeId id;
    private final Map<String, String> labels;
    private final IpAddress[] addresses;
    private final Node node;
    private final boolean leaving;
    private final long started;
    private @Nullable Row previous;
    private @Nullable Row next;

    private Row(
        Controlled controlled,
        @Nullable SpiffeId id,
        Map<String, String> labels,
        IpAddress[] addresses,
        Node node,
        boolean leaving,
        long started) {
      this.controlled = controlled;
      this.id = id;
      this.labels = labels;
      this.addresses = addresses;
      this.node = node;
      this.leaving = leaving;
      this.started = started;
    }

    @Override
    public Row holder() {
      return this;
    }

    /** What it can speak with, or null when it has no sidecar. */
    @Nullable SpiffeId id() {
      return id;
    }

    @Override
    public String namespace() {
      return controlled.of.namespace();
    }

    @Override
    public Map<String, String> labels() {
      return labels;
    }

    @Override
    public boolean isPod() {
      return true;
    }

    @Override
    public Owners.@Nullable Entry owner() {
      return controlled.owner;
    }

    private boolean says(Row other) {
      return controlled == other.controlled
          && Objects.equals(id, other.id)
          && leaving == other.leaving
          && started == other.started
          && node == other.node
          && labels.equals(other.labels)
          && Arrays.equals(addresses, other.addresses);
    }
  }

  /** A controller by what a pod says of it; without kind: a pod that has none. */
  private record Of(String namespace, String group, String kind, String name, String uid) {}

  /** The pods of one controller, in a list through them. */
  private static final class Controlled {
    private final Of of;
    private @Nullable Row first;
    private Owners.@Nullable Entry owner;

    private Controlled(Of of) {
      this.of = of;
    }

    private void add(Row row) {
      row.next = first;
      if (first != null) {
        first.previous = row;
      }
      first = row;
    }

    private void remove(Row row) {
      if (row.previous != null) {
        row.previous.next = row.next;
      } else {
        first = row.next;
      }
      if (row.next != null) {
        row.next.previous = row.previous;
      }
    }
  }

  // ---- changes

  void put(Facts.Pod pod) {
    var rows = byNamespace.computeIfAbsent(pod.name().namespace(), _ -> new HashMap<>());
    var id = pod.meshed() ? id(pod) : null;
    var controlled = controlled(pod);
    var fresh =
        new Row(
            controlled,
            id,
            labels(pod, controlled),
            pod.addresses().isEmpty() ? NONE : pod.addresses().toArray(NONE),
            nodes.computeIfAbsent(pod.node(), Node::new),
            pod.leaving(),
            pod.started());
    var before = rows.get(pod.name().name());
    if (before != null && before.says(fresh)) {
      return;
    }
    if (rows.put(pod.name().name(), fresh) == null) {
      size++;
    }
    controlled.add(fresh);
    if (fresh.node.pods++ == 0) {
      count(fresh.node, 1);
    }
    if (controlled.owner != null && fresh.id != null) {
      owners.speaks(controlled.owner, fresh.id);
    }
    move(before, fresh);
  }

  /** Pods of one owner have the same labels, mostly; those are kept once. */
  private static Map<String, String> labels(Facts.Pod pod, Controlled controlled) {
    var other = controlled.first;
    return other != null && other.labels.equals(pod.labels()) ? other.labels : pod.labels();
  }

  private void count(Node node, int more) {
    for (var address : node.says.addresses()) {
      nodesByAddress.merge(address, more, (one, other) -> one + other == 0 ? null : one + other);
      listener.changed(address);
    }
  }

  void remove(Facts.Name name) {
    var rows = byNamespace.get(name.namespace());
    var before = rows == null ? null : rows.remove(name.name());
    if (rows != null && rows.isEmpty()) {
      byNamespace.remove(name.namespace());
    }
    if (before != null) {
      size--;
      move(before, null);
    }
  }

  /** Hands the addresses of one over to the other without a moment in which nobody has them. */
  private void move(@Nullable Row before, @Nullable Row fresh) {
    if (fresh != null) {
      for (var address : fresh.addresses) {
        claim(address, before, fresh);
      }
    }
    if (before != null) {
      for (var address : before.addresses) {
        if (fresh == null || !List.of(fresh.addresses).contains(address)) {
          claim(address, before, null);
        }
      }
    }
    listener.replaced(before, fresh);
    if (before != null) {
      forget(before);
    }
  }

  private void claim(IpAddress address, @Nullable Row before, @Nullable Row fresh) {
    byAddress.compute(address, (_, claim) -> claimed(claim, before, fresh));
    listener.changed(address);
  }

  private static @Nullable Claim claimed(
      @Nullable Claim claim, @Nullable Row before, @Nullable Row fresh) {
    var all = new ArrayList<Row>(2);
    switch (claim) {
      case null -> {}
      case Row row -> all.add(row);
      case Contest contest -> all.addAll(contest.claimants());
    }
    all.remove(before);
    if (fresh != null && !all.contains(fresh)) {
      all.add(fresh);
    }
    return switch (all.size()) {
      case 0 -> null;
      case 1 -> all.getFirst();
      default -> new Contest(List.copyOf(all), winner(all));
    };
  }

  private static @Nullable Row winner(List<Row> claimants) {
    var best = claimants.getFirst();
    var alone = true;
    for (var row : claimants.subList(1, claimants.size())) {
      var order = rank(row, best);
      if (order > 0) {
        best = row;
        alone = true;
      } else if (order == 0
          && (row.controlled != best.controlled || !Objects.equals(row.id, best.id))) {
        alone = false;
      }
    }
    return alone ? best : null;
  }

  private static int rank(Row one, Row other) {
    return one.leaving == other.leaving
        ? Long.compare(one.started, other.started)
        : Boolean.compare(other.leaving, one.leaving);
  }

  private void forget(Row row) {
    var controlled = row.controlled;
    controlled.remove(row);
    if (--row.node.pods == 0) {
      nodes.remove(row.node.says);
      count(row.node, -1);
    }
    if (controlled.owner != null && row.id != null) {
      owners.falls(controlled.owner, row.id);
    }
    if (controlled.first == null) {
      controllers.remove(controlled.of);
      unresolved.remove(controlled);
      if (controlled.owner != null) {
        owners.release(controlled.owner);
      }
    }
  }

  private SpiffeId id(Facts.Pod pod) {
    return owners.kept(
        SpiffeId.parse(
            "spiffe://%s/ns/%s/sa/%s"
                .formatted(trustDomain, pod.name().namespace(), pod.account())));
  }

  // ---- owners

  private Controlled controlled(Facts.Pod pod) {
    var controller = pod.controller();
    var namespace = pod.name().namespace();
    var of =
        controller == null || isNode(controller)
            ? new Of(namespace, "", "", pod.name().name(), "")
            : new Of(
                namespace,
                controller.group(),
                controller.kind(),
                controller.name(),
                controller.uid());
    return controllers.computeIfAbsent(
        of,
        _ -> {
          var fresh = new Controlled(of);
          var owner = ownerOf(of);
          if (owner == null) {
            unresolved.add(fresh);
          } else {
            fresh.owner = owners.hold(owner);
          }
          return fresh;
        });
  }

  /** Pods from a file of their node name the node, which is no workload. */
  private static boolean isNode(Facts.Controller controller) {
    return controller.group().isEmpty() && controller.kind().equals("Node");
  }

  private static boolean isPart(Of of) {
    return (of.group().equals("apps") && of.kind().equals("ReplicaSet"))
        || (of.group().equals("batch") && of.kind().equals("Job"));
  }

  /** Null while the object that would say it is not known, or is another of the same name. */
  private @Nullable Owner ownerOf(Of of) {
    if (of.kind().isEmpty()) {
      return new Owner(of.namespace(), "pod", of.name());
    }
    if (isPart(of)) {
      var parent = parents.get(key(of.kind(), of.namespace(), of.name()));
      if (parent == null || !parent.uid().equals(of.uid())) {
        return null;
      }
      var whole = parent.controller();
      if (whole != null) {
        return new Owner(of.namespace(), whole.kind(), whole.name());
      }
    }
    return new Owner(of.namespace(), of.kind(), of.name());
  }

  void put(Facts.Parent parent) {
    parents.put(key(parent.kind(), parent.name().namespace(), parent.name().name()), parent);
    var group = parent.kind().equals("Job") ? "batch" : "apps";
    var controlled =
        controllers.get(
            new Of(
                parent.name().namespace(),
                group,
                parent.kind(),
                parent.name().name(),
                parent.uid()));
    if (controlled != null) {
      resolve(controlled);
    }
  }

  /** Pods that it leaves behind stay whose they were. */
  void removeParent(String kind, Facts.Name name) {
    parents.remove(key(kind, name.namespace(), name.name()));
  }

  private static String key(String kind, String namespace, String name) {
    return kind + "/" + namespace + "/" + name;
  }

  private void resolve(Controlled controlled) {
    var owner = ownerOf(controlled.of);
    var before = controlled.owner;
    if (owner == null || (before != null && before.owner().equals(owner))) {
      return;
    }
    var fresh = owners.hold(owner);
    for (var row = controlled.first; row != null; row = row.next) {
      if (row.id != null) {
        owners.speaks(fresh, row.id);
      }
    }
    controlled.owner = fresh;
    unresolved.remove(controlled);
    for (var row = controlled.first; row != null; row = row.next) {
      if (row.id != null && before != null) {
        owners.falls(before, row.id);
      }
      for (var address : row.addresses) {
        listener.changed(address);
      }
      listener.replaced(row, row);
    }
    if (before != null) {
      owners.release(before);
    }
  }

  // ---- answers

  /** Who claims an address, or null when no pod does. */
  @Nullable Claim at(IpAddress address) {
    return byAddress.get(address);
  }

  /** Whose pod has an address, or null when that is nobody's or not known. */
  Owners.@Nullable Entry ownerAt(IpAddress address) {
    var claim = byAddress.get(address);
    var holder = claim == null ? null : claim.holder();
    return holder == null ? null : holder.owner();
  }

  /** Whose a pod is that has no address yet, or null. */
  Owners.@Nullable Entry ownerOfComing(Facts.Name name) {
    var row = row(name);
    return row == null || row.addresses.length > 0 ? null : row.owner();
  }

  List<ClusterPods.MeshedPod> meshed(Predicate<Owner> of) {
    var asked = new HashMap<Owner, Boolean>();
    var found = new ArrayList<ClusterPods.MeshedPod>();
    byNamespace.forEach(
        (namespace, rows) ->
            rows.forEach(
                (name, row) -> {
                  var owner = row.owner();
                  if (owner != null
                      && row.id != null
                      && !row.leaving
                      && row.addresses.length > 0
                      && asked.computeIfAbsent(owner.owner(), of::test)) {
                    found.add(
                        new ClusterPods.MeshedPod(
                            owner.owner(),
                            namespace + "/" + name,
                            List.of(row.addresses),
                            Instant.ofEpochSecond(row.started)));
                  }
                }));
    return found;
  }

  private @Nullable Row row(Facts.Name name) {
    return byNamespace.getOrDefault(name.namespace(), Map.of()).get(name.name());
  }

  Collection<Row> in(String namespace) {
    return byNamespace.getOrDefault(namespace, Map.of()).values();
  }

  /** Where the only pod runs that claims an address and was not told to end, or null. */
  @Nullable String nodeOf(IpAddress address) {
    return byAddress.get(address) instanceof Row row && !row.leaving
        ? named(row.node.says.name())
        : null;
  }

  /** The only node that has an address; looks at every node. */
  @Nullable String nodeAt(IpAddress address) {
    if (!isOfNode(address)) {
      return null;
    }
    var names =
        nodes.keySet().stream()
            .filter(node -> node.addresses().contains(address))
            .map(Facts.Node::name)
            .distinct()
            .toList();
    return names.size() == 1 ? named(names.getFirst()) : null;
  }

  private static @Nullable String named(String name) {
    return name.isEmpty() ? null : name;
  }

  /** Whether pods run on a node with this address. */
  boolean isOfNode(IpAddress address) {
    return nodesByAddress.containsKey(address);
  }

  @Nullable Owner ownerOf(Facts.Name name) {
    var row = row(name);
    var owner = row == null ? null : row.owner();
    return owner == null ? null : owner.owner();
  }

  int size() {
    return size;
  }

  /** Controllers whose pods are nobody's, as the object that says whose is not known. */
  int unresolved() {
    return unresolved.size();
  }
}
