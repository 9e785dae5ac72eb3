package io.kith.server.kubernetes.resource;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.export.Target;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedBlock;
import io.kith.istio.FailureMode.ApprovedHost;
import io.kith.istio.FailureMode.ApprovedService;
import io.kith.server.control.Approvals;
import io.kith.server.kubernetes.ClusterServices;
import io.kith.server.kubernetes.ClusterServices.Known;
import io.kith.server.kubernetes.resource.FloorList.LeftOut;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes the list of a floor from what is approved and what a cluster has now.
 *
 * <p>A sidecar that cannot ask sees the address that was dialled and the host that a request names,
 * and both are the application's to choose. So what is in the list has addresses of its own; what
 * has none that stay, and what could lead elsewhere, is left out and named.
 */
final class ApprovedDestinations {
  /** Each listener of each sidecar has a copy of the list. */
  static final int MOST = 500;

  /** Ports of a rule for addresses that are listed one by one. */
  private static final int MOST_PORTS = 16;

  private final ClusterServices cluster;
  private final Map<Owner, List<Known>> byWorkload = new HashMap<>();
  private final Map<String, Known> byName = new HashMap<>();

  /**
   * Something that could be in a list.
   *
   * @param names under which somebody could deny it
   */
  private record Entry(Approved approved, Set<String> names, List<Cidr> blocks, Ports ports) {}

  ApprovedDestinations(ClusterServices cluster) {
    this.cluster = cluster;
    for (var service : cluster.services()) {
      if (service.workload() != null) {
        byWorkload.computeIfAbsent(service.workload(), _ -> new ArrayList<>(1)).add(service);
      }
      service.names().stream()
          .filter(ApprovedDestinations::isFull)
          .forEach(name -> byName.putIfAbsent(name, service));
    }
  }

  /** A name that means the same in every namespace. */
  private static boolean isFull(String name) {
    return name.indexOf('.') >= 0;
  }

  /**
   * The list of a scope.
   *
   * @param byHand what somebody listed; all of it is in, but for what is denied
   * @param namespace whose short names its sidecars know; null for those of several
   */
  FloorList list(
      Approvals approvals, List<Approved> byHand, @Nullable String namespace, Instant now) {
    var denials =
        approvals.denied().stream()
            .filter(rule -> !rule.provenance().endedAt(now) && isOfADestination(rule))
            .map(HandRule::destination)
            .distinct()
            .map(this::denial)
            .toList();
    var leftOut = new TreeMap<String, String>();
    var approved = new ArrayList<Approved>();
    for (var one : byHand) {
      if (isDenied(entry(one), denials)) {
        leftOut.put(words(one), "it is in the list by hand, and a rule denies it");
      } else {
        approved.add(one);
      }
    }
    var listed = approved.size();

    var found = new TreeMap<String, Entry>();
    for (var pattern : approvals.lasting()) {
      var entries = entries(pattern, namespace, why -> leftOut.put(pattern.words(), why));
      for (var entry : entries) {
        if (isDenied(entry, denials)) {
          leftOut.put(pattern.words(), "a rule denies it to some process, or what it may hold");
        } else {
          found.put(words(entry.approved), entry);
        }
      }
    }
    found.forEach(
        (words, entry) -> {
          if (approved.size() - listed < MOST) {
            approved.add(entry.approved);
          } else {
            leftOut.put(words, "there are " + MOST + " others");
          }
        });
    approvals
        .ending()
        .forEach(
            (pattern, until) -> {
              if (now.isBefore(until)
                  && !approvals.lasting().contains(pattern)
                  && isTcp(Target.of(pattern))) {
                leftOut.put(pattern.words(), "it ends, which a floor would not notice");
              }
            });
    return new FloorList(
        approved,
        listed,
        leftOut.entrySet().stream().map(one -> new LeftOut(one.getKey(), one.getValue())).toList());
  }

  // ---- what is approved

  /** Gets why a destination, or a part of it, has no place in a list. */
  @FunctionalInterface
  private interface Lost {
    void why(String words);
  }

  private static boolean isTcp(Target target) {
    return target.protocol() != Protocol.UDP; // which does not come to sidecars
  }

  private List<Entry> entries(DestinationPattern pattern, @Nullable String namespace, Lost lost) {
    var target = Target.of(pattern);
    if (!isTcp(target)) {
      return List.of();
    }
    return switch (target.to()) {
      case Target.To.Workload(var owner) ->
          of(byWorkload.getOrDefault(owner, List.of()), owner.toString(), target, namespace, lost);
      case Target.To.Service(var host) -> named(host, target, namespace, lost);
      case Target.To.Name(var host) -> named(host, target, namespace, lost);
      case Target.To.Wildcard _ -> {
        lost.why("it is a wildcard");
        yield List.of();
      }
      case Target.To.Everything() -> {
        lost.why("it is everywhere");
        yield List.of();
      }
      case Target.To.Block(var text) -> block(pattern, Cidr.parse(text), target.ports(), lost);
    };
  }

  private List<Entry> named(String host, Target target, @Nullable String namespace, Lost lost) {
    var service = byName.get(host);
    return of(service == null ? List.of() : List.of(service), host, target, namespace, lost);
  }

  private static List<Entry> of(
      List<Known> services, String name, Target target, @Nullable String namespace, Lost lost) {
    var entries = new ArrayList<Entry>();
    for (var service : services) {
      for (var port : service.ports()) {
        if (!service.addresses().isEmpty() && target.ports().contains(port)) {
          entries.add(entry(service, name, port, namespace));
        }
      }
    }
    if (entries.isEmpty()) {
      lost.why(
          services.isEmpty()
              ? "no Service or ServiceEntry of it alone is known"
              : services.stream().allMatch(service -> service.addresses().isEmpty())
                  ? "no Service or ServiceEntry gives it an address that stays"
                  : "no Service of it has that port: its pods were dialled, whose addresses"
                      + " change");
    }
    return entries;
  }

  private static Entry entry(Known service, String name, int port, @Nullable String namespace) {
    var blocks = service.addresses().stream().map(ApprovedDestinations::single).toList();
    var names =
        service.names().stream()
            .filter(host -> isFull(host) || service.namespace().equals(namespace));
    var hosts =
        Stream.concat(names, blocks.stream().flatMap(block -> hosts(block).stream()))
            .distinct()
            .sorted()
            .toList();
    var denied = new HashSet<String>();
    denied.add(name);
    service.names().stream().filter(ApprovedDestinations::isFull).forEach(denied::add);
    return new Entry(service(blocks, hosts, port), denied, blocks, new Ports(port, port));
  }

  private static ApprovedService service(List<Cidr> blocks, List<String> hosts, int port) {
    return new ApprovedService(blocks.stream().map(Cidr::toString).sorted().toList(), hosts, port);
  }

  private static Cidr single(IpAddress address) {
    return new Cidr(address, address.bytes().length * 8);
  }

  private static boolean isSingle(Cidr block) {
    return block.prefix() == block.network().bytes().length * 8;
  }

  /** How requests name an address, where there is one way to write it. */
  private static List<String> hosts(Cidr block) {
    return isSingle(block) && block.network().isIpv4()
        ? List.of(block.network().toString())
        : List.of();
  }

  /**
   * Requests there only by the address: Envoy sends those that name a host of the mesh to that
   * host, wherever they were dialled.
   */
  private List<Entry> block(DestinationPattern pattern, Cidr block, Ports ports, Lost lost) {
    var written = pattern instanceof DestinationPattern.Written(Place.Within _, _, _);
    if (!written && isSingle(block) && cluster.at(block.network()) != null) {
      lost.why("it is " + owner(block.network()) + " by now");
      return List.of();
    }
    if (!written && !isSingle(block) && block.network().isPrivate()) {
      lost.why("a block that was learned may hold pods as well");
      return List.of();
    }
    if (ports.size() > MOST_PORTS) {
      lost.why("it has " + ports.size() + " ports");
      return List.of();
    }
    return IntStream.rangeClosed(ports.first(), ports.last())
        .mapToObj(
            port ->
                new Entry(
                    service(List.of(block), hosts(block), port),
                    Set.of(),
                    List.of(block),
                    new Ports(port, port)))
        .toList();
  }

  private @Nullable Owner owner(IpAddress address) {
    var workload = cluster.at(address);
    return workload == null ? null : workload.owner();
  }

  /** What somebody listed. */
  private Entry entry(Approved approved) {
    return switch (approved) {
      case ApprovedBlock(var address, var length, var port) ->
          new Entry(approved, Set.of(), List.of(masked(address, length)), new Ports(port, port));
      case ApprovedHost(var host, var port) -> {
        var name = host.toLowerCase(Locale.ROOT);
        var service = byName.get(name);
        var names = new TreeSet<>(Set.of(name));
        if (service != null && service.workload() != null) {
          names.add(service.workload().toString());
        }
        yield new Entry(approved, names, blocks(service), new Ports(port, port));
      }
      case ApprovedService(var blocks, var hosts, var port) ->
          new Entry(
              approved,
              Set.copyOf(hosts),
              blocks.stream().map(Cidr::parse).toList(),
              new Ports(port, port));
    };
  }

  private static Cidr masked(String address, int length) {
    var bytes = IpAddress.parse(address).bytes();
    var mapped = bytes.length == 4 && length > 32; // ::ffff:10.0.0.1/128
    var prefix = mapped ? Math.max(0, length - 96) : length;
    for (var i = 0; i < bytes.length; i++) {
      bytes[i] &= (byte) (0xff << (8 - Math.clamp(prefix - i * 8L, 0, 8)));
    }
    return new Cidr(IpAddress.of(bytes), prefix);
  }

  private static List<Cidr> blocks(@Nullable Known service) {
    return service == null
        ? List.of()
        : service.addresses().stream().map(ApprovedDestinations::single).toList();
  }

  /** Of one thing the same words, and of another one others: they are the order of the list. */
  private static String words(Approved approved) {
    return switch (approved) {
      case ApprovedBlock(var address, var length, var port) ->
          masked(address, length) + " port " + port;
      case ApprovedHost(var host, var port) -> host + ":" + port;
      case ApprovedService(var blocks, var hosts, var port) ->
          String.join(",", hosts) + " at " + String.join(",", blocks) + " port " + port;
    };
  }

  // ---- what is denied

  /** What somebody denies, with those of its addresses that are known. */
  private record Denial(Target target, List<Cidr> blocks) {}

  /** A process that may go nowhere says nothing of a destination, and a floor knows none. */
  private static boolean isOfADestination(HandRule rule) {
    var target = Target.of(rule.destination());
    return !(target.to() instanceof Target.To.Everything
            && target.ports().equals(Ports.ANY)
            && target.protocol() == null)
        || (rule.process().equals(ProcessPattern.ANY)
            && rule.sha256() == null
            && rule.scriptSha256() == null);
  }

  private Denial denial(DestinationPattern pattern) {
    var target = Target.of(pattern);
    return new Denial(
        target,
        switch (target.to()) {
          case Target.To.Workload(var owner) ->
              byWorkload.getOrDefault(owner, List.of()).stream()
                  .flatMap(service -> blocks(service).stream())
                  .toList();
          case Target.To.Service(var host) -> blocks(byName.get(host));
          case Target.To.Name(var host) -> blocks(byName.get(host));
          case Target.To.Block(var cidr) -> List.of(Cidr.parse(cidr));
          case Target.To.Wildcard _, Target.To.Everything _ -> List.of();
        });
  }

  private boolean isDenied(Entry entry, Collection<Denial> denials) {
    return denials.stream()
        .anyMatch(
            denial ->
                isTcp(denial.target)
                    && denial.target.ports().first() <= entry.ports.last()
                    && entry.ports.first() <= denial.target.ports().last()
                    && meets(denial, entry));
  }

  /** Whether one may be the other. Nobody knows all addresses of a name, so a block may hold it. */
  private boolean meets(Denial denial, Entry entry) {
    if (denial.blocks.stream()
        .anyMatch(block -> entry.blocks.stream().anyMatch(other -> overlap(block, other)))) {
      return true;
    }
    var mayHoldIt = entry.blocks.stream().anyMatch(block -> !isSingle(block));
    return switch (denial.target.to()) {
      case Target.To.Everything() -> true;
      case Target.To.Workload(var owner) ->
          mayHoldIt
              || entry.names.contains(owner.toString())
              || entry.blocks.stream().anyMatch(block -> owner.equals(owner(block.network())));
      case Target.To.Service(var host) -> mayHoldIt || entry.names.contains(host);
      case Target.To.Name(var host) -> mayHoldIt || entry.names.contains(host);
      case Target.To.Wildcard(var parent) ->
          mayHoldIt || entry.names.stream().anyMatch(name -> name.endsWith("." + parent));
      case Target.To.Block _ -> false;
    };
  }

  private static boolean overlap(Cidr one, Cidr other) {
    return one.network().isIn(other.network(), Math.min(one.prefix(), other.prefix()));
  }
}
