package io.kith.server.kubernetes.directory;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.identity.IpAddress;
import io.kith.server.kubernetes.ClusterServices;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Services and ServiceEntries, by their names and addresses, and the workload that each leads to.
 * Changed by one thread at a time; reading takes no lock.
 *
 * <p>A service leads to a workload when all of its endpoints are addresses of that workload's pods,
 * and all that it selects is that workload's.
 */
final class Services {
  /*
   * Pods and endpoints are told by streams of their own, so an endpoint may be known a moment before
   * the address of its pod, and for a moment after its pod is gone. An endpoint therefore is whose
   * its address is; while that is nobody's, whose it was before, and at first whose the pod is that
   * it names, if that has no address yet. What it names counts for nothing else: whoever may write
   * endpoints can name any pod beside any address.
   *
   * What a ServiceEntry selects is in its own namespace, and is whose it is, whatever its address.
   * istiod lets Services select WorkloadEntries as well; their pods come as endpoints.
   */
  private final Owners owners;
  private final Function<IpAddress, Owners.@Nullable Entry> ownerAt;
  private final Function<Facts.Name, Owners.@Nullable Entry> ownerOfComing;
  private final Function<String, Stream<Selectable>> selectables;
  private final Consumer<IpAddress> moved;
  private final String clusterDomain;
  private final Map<Facts.Name, Service> services = new HashMap<>();
  private final Map<Facts.Name, Service> entries = new HashMap<>();
  private final Map<Facts.Name, Facts.Slice> slices = new HashMap<>();
  private final Map<IpAddress, List<Service>> byEndpoint = new HashMap<>();
  private final Map<String, List<Service>> selecting = new HashMap<>();
  private final PassedHosts passedHosts = new PassedHosts();

  /** Wildcards of which the mesh looks up the client's name, and how many entries say so. */
  private final Map<String, Integer> lookedUp = new ConcurrentHashMap<>();

  private final Claims<String> names = new Claims<>();
  private final Claims<IpAddress> addresses = new Claims<>();

  /**
   * @param ownerAt whose pod has an address now
   * @param ownerOfComing whose a pod is that has no address yet
   * @param selectables what there is in a namespace
   * @param moved gets every address that a service has now, or not any more
   */
  Services(
      Owners owners,
      Function<IpAddress, Owners.@Nullable Entry> ownerAt,
      Function<Facts.Name, Owners.@Nullable Entry> ownerOfComing,
      Function<String, Stream<Selectable>> selectables,
      Consumer<IpAddress> moved,
      String clusterDomain) {
    this.owners = owners;
    this.ownerAt = ownerAt;
    this.ownerOfComing = ownerOfComing;
    this.selectables = selectables;
    this.moved = moved;
    this.clusterDomain = clusterDomain;
  }

  /** Where a service leads. */
  enum Leads {
    WORKLOAD,
    /** To pods of several owners. */
    SEVERAL,
    /** To what is no pod that is known, perhaps among others. */
    ELSEWHERE,
    NOWHERE;

    String word() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** A Service or a ServiceEntry. */
  static final class Service {
    private final String namespace;
    private final boolean entry;

    /** By which istiod knows a Service; empty for a ServiceEntry, which has several. */
    private final String host;

    private final Map<IpAddress, Listed> endpoints = new ConcurrentHashMap<>(4);
    private final Map<Selectable, Listed> selected = new HashMap<>(0);
    private @Nullable Map<String, String> selector;
    private final Map<Owners.Entry, int[]> owned = new HashMap<>(2);
    private boolean known;
    private int slices;
    private int strangers;
    private List<String> names = List.of();
    private volatile List<IpAddress> addresses = List.of();
    private volatile List<Cidr> blocks = List.of();
    private List<Integer> ports = List.of();
    private volatile @Nullable String alias;

    /** What the mesh routes to it is sent on to what was dialled, whatever rules say. */
    private volatile boolean passed;

    /** Its wildcards of which the mesh looks up the client's name. */
    private List<String> lookedUp = List.of();

    private volatile Owners.@Nullable Entry workload;

    private Service(Facts.Name name, String host) {
      this.namespace = name.namespace();
      this.host = host;
      this.entry = host.isEmpty();
    }

    private boolean selects(Selectable one) {
      return selector != null
          && (entry || !one.isPod())
          && one.labels().entrySet().containsAll(selector.entrySet());
    }

    private boolean isAt(IpAddress dialled) {
      return endpoints.containsKey(dialled)
          || addresses.contains(dialled)
          || blocks.stream().anyMatch(block -> block.contains(dialled));
    }

    boolean isEntry() {
      return entry;
    }

    private Leads leads() {
      if (strangers > 0) {
        return Leads.ELSEWHERE;
      }
      return switch (owned.size()) {
        case 0 -> Leads.NOWHERE;
        case 1 -> Leads.WORKLOAD;
        default -> Leads.SEVERAL;
      };
    }
  }

  /** An endpoint of a service, in one or more of its slices, or what it selects. */
  private static final class Listed {
    private int slices;
    private Owners.@Nullable Entry owner;
  }

  // ---- changes

  void put(Facts.Service facts) {
    var service = services.computeIfAbsent(facts.name(), this::fresh);
    service.known = true;
    service.alias = facts.alias();
    service.passed = facts.alias() == null && facts.addresses().isEmpty();
    service.ports = facts.ports();
    selectBy(facts.selector().isEmpty() ? null : facts.selector(), service);
    settle(service);
    var name = facts.name().name() + "." + facts.name().namespace();
    claim(
        service,
        List.of(facts.name().name(), name, name + ".svc", service.host),
        facts.addresses());
  }

  private Service fresh(Facts.Name name) {
    return new Service(name, hostOf(name));
  }

  private String hostOf(Facts.Name service) {
    return service.name() + "." + service.namespace() + ".svc." + clusterDomain;
  }

  void removeService(Facts.Name name) {
    var service = services.get(name);
    if (service != null) {
      service.known = false;
      claim(service, List.of(), List.of());
      selectBy(null, service);
      settle(service);
      dropIfUnused(name, service);
    }
  }

  void put(Facts.Slice slice) {
    var before = slices.put(slice.name(), slice);
    if (before != null && before.service().equals(slice.service())) {
      var service = services.get(slice.service());
      if (service != null) {
        relist(service, before.endpoints(), slice.endpoints(), slice.service().namespace());
        return;
      }
    }
    if (before != null) {
      unlist(before);
    }
    var service = services.computeIfAbsent(slice.service(), this::fresh);
    service.slices++;
    relist(service, List.of(), slice.endpoints(), slice.service().namespace());
  }

  void removeSlice(Facts.Name name) {
    var before = slices.remove(name);
    if (before != null) {
      unlist(before);
    }
  }

  private void unlist(Facts.Slice slice) {
    var service = services.get(slice.service());
    if (service != null) {
      service.slices--;
      relist(service, slice.endpoints(), List.of(), slice.service().namespace());
      dropIfUnused(slice.service(), service);
    }
  }

  void put(Facts.Entry facts) {
    var service = new Service(facts.name(), "");
    service.known = true;
    service.ports = facts.ports();
    service.blocks = facts.blocks();
    service.passed = facts.passed();
    service.lookedUp = facts.lookedUp();
    service.lookedUp.forEach(host -> lookedUp.merge(host, 1, Integer::sum));
    var before = entries.put(facts.name(), service);
    selectBy(facts.selector(), service);
    relist(service, List.of(), facts.endpoints(), facts.name().namespace());
    claim(service, facts.hosts(), facts.addresses());
    drop(before); // last, so that its names are somebody's all the while
  }

  void removeEntry(Facts.Name name) {
    drop(entries.remove(name));
  }

  private void drop(@Nullable Service service) {
    if (service != null) {
      service.lookedUp.forEach(
          host -> lookedUp.computeIfPresent(host, (_, said) -> said == 1 ? null : said - 1));
      claim(service, List.of(), List.of());
      selectBy(null, service);
      for (var address : List.copyOf(service.endpoints.keySet())) {
        unlist(service, address, true);
      }
      settle(service, null);
    }
  }

  void put(Facts.Rule rule) {
    if (rule.passes() && !rule.host().isEmpty()) {
      passedHosts.put(rule.name(), hostOf(rule));
    } else {
      passedHosts.remove(rule.name());
    }
  }

  /** As istiod reads it: one label is a Service of the rule's namespace. */
  private String hostOf(Facts.Rule rule) {
    var host = rule.host();
    return host.equals("*") || host.contains(".")
        ? host
        : hostOf(new Facts.Name(rule.name().namespace(), host));
  }

  void removeRule(Facts.Name name) {
    passedHosts.remove(name);
  }

  private void dropIfUnused(Facts.Name name, Service service) {
    if (!service.known && service.slices == 0) {
      services.remove(name);
      settle(service, null);
    }
  }

  private void claim(Service service, List<String> newNames, List<IpAddress> newAddresses) {
    exchange(names, service, service.names, newNames);
    exchange(addresses, service, service.addresses, newAddresses);
    var before = service.addresses;
    service.names = newNames;
    service.addresses = newAddresses;
    before.forEach(moved);
    newAddresses.forEach(moved);
  }

  /** Leads to what it selects from now on, and not to what it selected before. */
  private void selectBy(@Nullable Map<String, String> selector, Service service) {
    if (Objects.equals(service.selector, selector)) {
      return;
    }
    if (service.selector == null) {
      selecting.merge(service.namespace, List.of(service), Services::joined);
    } else if (selector == null) {
      selecting.computeIfPresent(service.namespace, (_, all) -> without(all, service));
    }
    service.selector = selector;
    for (var one : List.copyOf(service.selected.keySet())) {
      if (!service.selects(one)) {
        unselect(service, one);
      }
    }
    if (selector != null) {
      selectables
          .apply(service.namespace)
          .filter(service::selects)
          .forEach(one -> select(service, one));
    }
  }

  private void select(Service service, Selectable one) {
    var listed = service.selected.get(one);
    if (listed == null) {
      listed = new Listed();
      service.selected.put(one, listed);
      service.strangers++;
    }
    if (one.owner() == null) {
      disown(service, listed);
    } else {
      own(service, listed, one.owner());
    }
  }

  private void unselect(Service service, Selectable one) {
    var listed = service.selected.remove(one);
    if (listed != null) {
      disown(service, listed);
      service.strangers--;
    }
  }

  /**
   * There is another one that can be selected, or it is somebody else's.
   *
   * @param fresh null for none; may be the same
   */
  void replaced(@Nullable Selectable before, @Nullable Selectable fresh) {
    var any = fresh == null ? before : fresh;
    for (var service : any == null ? List.<Service>of() : selectingIn(any.namespace())) {
      if (before != null) {
        unselect(service, before);
      }
      if (fresh != null && service.selects(fresh)) {
        select(service, fresh);
      }
      settle(service);
    }
  }

  private List<Service> selectingIn(String namespace) {
    return selecting.getOrDefault(namespace, List.of());
  }

  private static <K> void exchange(
      Claims<K> claims, Service service, List<K> before, List<K> fresh) {
    fresh.stream()
        .distinct()
        .filter(key -> !before.contains(key))
        .forEach(key -> claims.add(key, service));
    before.stream()
        .distinct()
        .filter(key -> !fresh.contains(key))
        .forEach(key -> claims.remove(key, service));
  }

  /** New endpoints come before old ones go, so that a service does not lead nowhere between. */
  private void relist(
      Service service, List<Facts.Endpoint> before, List<Facts.Endpoint> fresh, String namespace) {
    var old = addressesOf(before);
    var now = addressesOf(fresh);
    var counted = new HashSet<>(old);
    for (var endpoint : fresh) {
      var address = endpoint.address();
      if (address == null) {
        service.strangers++;
      } else if (counted.add(address)) {
        list(service, address, endpoint.pod(), namespace);
      }
    }
    for (var endpoint : before) {
      if (endpoint.address() == null) {
        service.strangers--;
      }
    }
    old.stream()
        .filter(address -> !now.contains(address))
        .forEach(address -> unlist(service, address, false));
    settle(service);
  }

  private static Set<IpAddress> addressesOf(List<Facts.Endpoint> endpoints) {
    var all = new HashSet<IpAddress>();
    for (var endpoint : endpoints) {
      if (endpoint.address() != null) {
        all.add(endpoint.address());
      }
    }
    return all;
  }

  private void list(Service service, IpAddress address, @Nullable String pod, String namespace) {
    var listed = service.endpoints.get(address);
    if (listed != null) {
      listed.slices++;
      return;
    }
    listed = new Listed();
    listed.slices = 1;
    service.endpoints.put(address, listed);
    byEndpoint.merge(address, List.of(service), Services::joined);
    moved.accept(address);
    var owner = ownerAt.apply(address);
    if (owner == null && pod != null) {
      owner = ownerOfComing.apply(new Facts.Name(namespace, pod));
    }
    service.strangers++;
    own(service, listed, owner);
  }

  private static @Nullable List<Service> without(List<Service> all, Service one) {
    var others = all.stream().filter(other -> other != one).toList();
    return others.isEmpty() ? null : others;
  }

  private static List<Service> joined(List<Service> some, List<Service> more) {
    var all = new ArrayList<>(some);
    all.addAll(more);
    return List.copyOf(all);
  }

  private void unlist(Service service, IpAddress address, boolean entirely) {
    var listed = service.endpoints.get(address);
    if (listed == null || (--listed.slices > 0 && !entirely)) {
      return;
    }
    service.endpoints.remove(address);
    byEndpoint.computeIfPresent(address, (_, all) -> without(all, service));
    moved.accept(address);
    disown(service, listed);
    service.strangers--;
  }

  /** From now on it is a known owner's, if it is anybody's. */
  private void own(Service service, Listed listed, Owners.@Nullable Entry owner) {
    if (owner == null || owner == listed.owner) {
      return;
    }
    owners.hold(owner);
    disown(service, listed);
    listed.owner = owner;
    service.strangers--;
    service.owned.computeIfAbsent(owner, _ -> new int[1])[0]++;
  }

  private void disown(Service service, Listed listed) {
    var owner = listed.owner;
    if (owner == null) {
      return;
    }
    listed.owner = null;
    service.strangers++;
    var count = service.owned.get(owner);
    if (count != null && --count[0] == 0) {
      service.owned.remove(owner);
    }
    owners.release(owner);
  }

  /** Another pod has an address now, or none. */
  void changed(IpAddress address) {
    var listing = byEndpoint.get(address);
    if (listing == null) {
      return;
    }
    var owner = ownerAt.apply(address);
    for (var service : listing) {
      var listed = service.endpoints.get(address);
      if (listed != null) {
        own(service, listed, owner);
        settle(service);
      }
    }
  }

  private void settle(Service service) {
    switch (service.leads()) {
      case WORKLOAD -> settle(service, service.owned.keySet().iterator().next());
      case SEVERAL, ELSEWHERE -> settle(service, null);
      case NOWHERE -> {} // as before: it comes back, most likely, and until then nobody answers
    }
  }

  private void settle(Service service, Owners.@Nullable Entry workload) {
    var before = service.workload;
    if (before == workload) {
      return;
    }
    if (workload != null) {
      owners.hold(workload);
    }
    service.workload = workload;
    if (before != null) {
      owners.release(before);
    }
  }

  // ---- answers

  /** Whether a Service or a ServiceEntry claims an address. */
  boolean isClaimed(IpAddress address) {
    return addresses.isClaimed(address);
  }

  /**
   * Whether a Service has an address, or one of another namespace has an endpoint there. Not
   * everybody may write EndpointSlices, as everybody may write ServiceEntries.
   */
  boolean holds(IpAddress address, String namespace) {
    return addresses.isOfService(address)
        || byEndpoint.getOrDefault(address, List.of()).stream()
            .anyMatch(service -> !service.entry && !service.namespace.equals(namespace));
  }

  /** The workload of a service at an address, or null. */
  Owners.@Nullable Entry at(IpAddress address) {
    var service = addresses.get(address);
    return service == null ? null : service.workload;
  }

  /** The workload that a name leads to, or null. */
  Owners.@Nullable Entry named(String name) {
    var service = names.get(name);
    if (service == null) {
      return null;
    }
    var alias = service.alias;
    if (alias == null) {
      return service.workload;
    }
    var other = names.get(alias);
    return other == null || other.alias != null ? null : other.workload;
  }

  /** Whether what the mesh routes to a name, and was dialled at the address, goes there. */
  boolean leadTo(String name, IpAddress dialled) {
    var ruled = passedHosts.has(name);
    return names.isEvery(
            name,
            service ->
                !(ruled || service.passed || passedHosts.has(service.host))
                    || service.isAt(dialled))
        || (!ruled && !names.isClaimed(name));
  }

  /** Whether the mesh looks up the names that clients say under a wildcard. */
  boolean looksUp(String wildcard) {
    return lookedUp.containsKey(wildcard);
  }

  /** All that are known, Services first. */
  List<ClusterServices.Known> all() {
    return Stream.of(services, entries)
        .flatMap(all -> all.values().stream())
        .filter(service -> service.known)
        .map(this::known)
        .toList();
  }

  private ClusterServices.Known known(Service service) {
    var workload = service.workload;
    return new ClusterServices.Known(
        service.namespace,
        service.entry
            ? service.names.stream().filter(name -> isOf(service, names.get(name))).toList()
            : service.names,
        service.entry && service.names.size() > 1
            ? List.of()
            : service.addresses.stream()
                .filter(address -> isOf(service, addresses.get(address)))
                .distinct()
                .toList(),
        service.ports,
        workload == null ? null : workload.owner());
  }

  @SuppressWarnings("ReferenceEquality") // which it is, not what it says
  private static boolean isOf(Service service, @Nullable Service claims) {
    return service == claims;
  }

  /** Services and ServiceEntries by where they lead. */
  Map<String, Long> count() {
    var counts = new TreeMap<String, Long>();
    for (var leads : Leads.values()) {
      counts.put(leads.word(), 0L);
    }
    for (var all : List.of(services, entries)) {
      all.values().forEach(service -> counts.merge(service.leads().word(), 1L, Long::sum));
    }
    return counts;
  }

  /** Services of pods of several owners, which therefore are no workload's: {@code shop/web}. */
  List<String> ofSeveral(int most) {
    return services.entrySet().stream()
        .filter(one -> one.getValue().leads() == Leads.SEVERAL)
        .map(one -> one.getKey().toString())
        .sorted()
        .limit(most)
        .toList();
  }
}
