package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedService;
import io.kith.server.control.Approvals;
import io.kith.server.kubernetes.ClusterServices;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ApprovedDestinationsTest {
  private static final Instant NOON = Instant.parse("2027-01-01T12:00:00Z");
  private static final String CATALOG = "shop/deployment/catalog";
  private static final String DB = "shop/statefulset/orders-db";
  private static final ProcessPattern NC =
      new ProcessPattern("/usr/bin/nc", "nc", new ScriptPattern.AnyOrNone(), null);

  private final FakeCluster cluster = new FakeCluster();
  private final List<DestinationPattern> approved = new ArrayList<>();
  private final Map<DestinationPattern, Instant> ending = new HashMap<>();
  private final List<HandRule> denied = new ArrayList<>();
  private final List<Approved> byHand = new ArrayList<>();
  private @Nullable String namespace = "shop";

  private static final class FakeCluster implements ClusterServices {
    final List<Known> services = new ArrayList<>();
    final Map<IpAddress, Workload> pods = new HashMap<>();

    @Override
    public List<Known> services() {
      return services;
    }

    @Override
    public @Nullable Workload at(IpAddress address) {
      return pods.get(address);
    }

    void service(String name, @Nullable String workload, List<Integer> ports, String... at) {
      var names = List.of(name, name + ".shop", name + ".shop.svc", name + ".shop.svc.test");
      add(names, workload, ports, at);
    }

    void entry(String host, int port, String... at) {
      add(List.of(host), null, List.of(port), at);
    }

    private void add(
        List<String> names, @Nullable String workload, List<Integer> ports, String... at) {
      services.add(
          new Known(
              "shop",
              names,
              java.util.stream.Stream.of(at).map(IpAddress::parse).toList(),
              ports,
              workload == null ? null : Owner.parse(workload)));
    }
  }

  private FloorList list() {
    return new ApprovedDestinations(cluster)
        .list(
            new Approvals(new HashSet<>(approved), ending, new HashSet<>(denied)),
            byHand,
            namespace,
            NOON);
  }

  private static DestinationPattern owner(String name, int port) {
    return new Exact(name, Evidence.OWNER, port, Protocol.TCP);
  }

  private static DestinationPattern host(String name, int port) {
    return new Exact(name, Evidence.CLIENT_NAME, port, Protocol.TCP);
  }

  private static DestinationPattern address(String address, int port) {
    return new Exact(address, Evidence.ADDRESS, port, Protocol.TCP);
  }

  private static DestinationPattern within(String block, Ports ports) {
    return new Written(new Place.Within(Cidr.parse(block), false), ports, null);
  }

  private static final DestinationPattern ANYWHERE =
      new Written(new Place.Anywhere(), Ports.ANY, null);

  private void deny(ProcessPattern process, DestinationPattern to, @Nullable Instant until) {
    denied.add(
        HandRule.of(
            process,
            to,
            Strictness.CLASS,
            null,
            null,
            new Provenance.ByHand("ada", "test", until)));
  }

  private List<String> leftOut() {
    return list().leftOut().stream().map(Object::toString).toList();
  }

  // ---- what is in it

  @Test
  void workload_isTheAddressesOfItsServices_andRequestsThereThatNameThem() {
    cluster.service("catalog", CATALOG, List.of(8080, 9090), "10.96.0.7", "fd00::7");
    cluster.service("catalog-admin", CATALOG, List.of(9090), "10.96.0.8");
    cluster.service("other", "shop/deployment/other", List.of(8080), "10.96.0.9");
    approved.add(owner(CATALOG, 8080));

    assertThat(list().leftOut()).isEmpty();
    assertThat(list().byHand()).isZero();
    assertThat(list().approved())
        .containsExactly(
            new ApprovedService(
                List.of("10.96.0.7/32", "fd00:0:0:0:0:0:0:7/128"),
                List.of(
                    "10.96.0.7",
                    "catalog",
                    "catalog.shop",
                    "catalog.shop.svc",
                    "catalog.shop.svc.test"),
                8080));
  }

  /** The first label is a service of the caller's own namespace. */
  @Test
  void workload_ofAnotherNamespaceThanTheScope_isNotKnownByItsFirstLabel() {
    cluster.service("catalog", CATALOG, List.of(8080), "10.96.0.7");
    approved.add(owner(CATALOG, 8080));

    for (var other : java.util.Arrays.asList("pay", null)) {
      namespace = other;
      assertThat(list().approved())
          .singleElement()
          .isInstanceOfSatisfying(
              ApprovedService.class,
              one -> assertThat(one.hosts()).contains("catalog.shop").doesNotContain("catalog"));
    }
  }

  @Test
  void hostOfAServiceEntryWithAnAddress_andOfAService_isThatAddress() {
    cluster.entry("pay.example.org", 443, "240.240.0.1");
    cluster.service("several", null, List.of(80), "10.96.0.5");
    approved.add(host("pay.example.org", 443));
    approved.add(new Exact("several.shop.svc.test", Evidence.MESH_SERVICE, 80, Protocol.TCP));

    assertThat(list().leftOut()).isEmpty();
    assertThat(list().approved())
        .extracting(one -> ((ApprovedService) one).blocks() + " " + one.port())
        .containsExactly("[10.96.0.5/32] 80", "[240.240.0.1/32] 443");
  }

  @Test
  void address_isItself_andWiderBlocksHaveNoRequests() {
    approved.add(address("192.0.2.7", 3306));
    approved.add(within("10.7.0.0/16", new Ports(5432, 5433)));
    approved.add(new AddressBlock(IpAddress.parse("203.0.113.0"), 24, 25, Protocol.TCP));

    assertThat(list().leftOut()).isEmpty();
    assertThat(list().approved())
        .containsExactlyInAnyOrder(
            new ApprovedService(List.of("192.0.2.7/32"), List.of("192.0.2.7"), 3306),
            new ApprovedService(List.of("10.7.0.0/16"), List.of(), 5432),
            new ApprovedService(List.of("10.7.0.0/16"), List.of(), 5433),
            new ApprovedService(List.of("203.0.113.0/24"), List.of(), 25));
  }

  @Test
  void order_andWhatIsInIt_doNotDependOnTheOrderOfAnything() {
    for (var i = 0; i < ApprovedDestinations.MOST + 2; i++) {
      var name = "s%03d".formatted(i);
      cluster.service(
          name, "shop/deployment/" + name, List.of(80), "10.96.%d.%d".formatted(i / 250, i % 250));
      approved.add(owner("shop/deployment/" + name, 80));
    }
    byHand.add(Approved.parse("a.example.org:80"));
    var first = list();
    java.util.Collections.reverse(cluster.services);
    java.util.Collections.reverse(approved);

    assertThat(list()).isEqualTo(first);
    assertThat(first.approved()).hasSize(ApprovedDestinations.MOST + 1);
    assertThat(first.byHand()).isEqualTo(1);
    assertThat(first.leftOut())
        .hasSize(2)
        .allSatisfy(one -> assertThat(one.why()).isEqualTo("there are 500 others"));
  }

  // ---- what is left out

  @Test
  void whatHasNoAddressThatStays_isLeftOut_andNamedWithWhy() {
    cluster.service("headless", DB, List.of(5432));
    cluster.service("catalog", CATALOG, List.of(80), "10.96.0.7");
    cluster.entry("noaddress.example.org", 443);
    cluster.pods.put(
        IpAddress.parse("10.244.0.9"), new Workload(Owner.parse(CATALOG), "default", Set.of()));
    approved.addAll(
        List.of(
            owner(DB, 5432),
            owner(CATALOG, 8080),
            owner("shop/deployment/gone", 80),
            new PortRange(CATALOG, Evidence.OWNER, 32_768, 65_535, Protocol.TCP),
            host("pay.example.org", 443),
            host("noaddress.example.org", 443),
            new HostWildcard(null, "example.org", Evidence.CLIENT_NAME, 443, Protocol.TCP),
            address("10.244.0.9", 8080),
            new AddressBlock(IpAddress.parse("10.0.3.0"), 24, 5432, Protocol.TCP),
            within("10.7.0.0/16", new Ports(1, 100)),
            ANYWHERE));
    ending.put(host("soon.example.org", 443), NOON.plusSeconds(1));
    ending.put(host("over.example.org", 443), NOON);
    approved.add(new Exact("10.0.0.10", Evidence.ADDRESS, 53, Protocol.UDP));

    assertThat(list().approved()).isEmpty();
    assertThat(leftOut())
        .containsExactlyInAnyOrder(
            DB + ":5432 (no Service or ServiceEntry gives it an address that stays)",
            CATALOG
                + ":8080 (no Service of it has that port: its pods were dialled, whose addresses"
                + " change)",
            "shop/deployment/gone:80 (no Service or ServiceEntry of it alone is known)",
            CATALOG
                + ":32768-65535 (no Service of it has that port: its pods were dialled, whose"
                + " addresses change)",
            "pay.example.org:443 (no Service or ServiceEntry of it alone is known)",
            "noaddress.example.org:443 (no Service or ServiceEntry gives it an address that"
                + " stays)",
            "*.example.org:443 (it is a wildcard)",
            "10.244.0.9:8080 (it is shop/deployment/catalog by now)",
            "10.0.3.0/24:5432 (a block that was learned may hold pods as well)",
            "10.7.0.0/16:1-100 (it has 100 ports)",
            "*:* (it is everywhere)",
            "soon.example.org:443 (it ends, which a floor would not notice)");
  }

  // ---- what is denied

  /** Whichever process it is for: a floor knows none. */
  @Test
  void denied_isNeverInIt_byWhateverNameAndWhoeverListedIt() {
    cluster.service("catalog", CATALOG, List.of(8080, 9090), "10.96.0.7");
    cluster.entry("pay.example.org", 443, "240.240.0.1");
    approved.addAll(
        List.of(
            owner(CATALOG, 8080),
            owner(CATALOG, 9090),
            host("pay.example.org", 443),
            within("10.96.0.0/16", new Ports(8080, 8080)),
            address("192.0.2.7", 8080)));
    byHand.add(Approved.parse("catalog.shop.svc.test:8080"));
    byHand.add(Approved.parse("10.96.0.1/16:8080"));
    byHand.add(Approved.parse("10.96.0.7:8080"));
    byHand.add(Approved.parse("10.96.0.7:9090"));
    deny(NC, owner(CATALOG, 8080), null);
    deny(
        NC,
        new Written(new Place.Below("example.org", Evidence.CLIENT_NAME), Ports.ANY, null),
        null);

    assertThat(list().approved())
        .extracting(
            one ->
                one instanceof ApprovedService service
                    ? service.blocks() + " " + one.port()
                    : one.toString())
        .containsExactly(
            "ApprovedBlock[address=10.96.0.7, prefixLength=32, port=9090]",
            "[10.96.0.7/32] 9090",
            "[192.0.2.7/32] 8080");
    assertThat(leftOut())
        .containsExactlyInAnyOrder(
            CATALOG + ":8080 (a rule denies it to some process, or what it may hold)",
            "pay.example.org:443 (a rule denies it to some process, or what it may hold)",
            "10.96.0.0/16:8080 (a rule denies it to some process, or what it may hold)",
            "catalog.shop.svc.test:8080 (it is in the list by hand, and a rule denies it)",
            "10.96.0.0/16 port 8080 (it is in the list by hand, and a rule denies it)",
            "10.96.0.7/32 port 8080 (it is in the list by hand, and a rule denies it)");
  }

  @Test
  void denied_byAddress_orByTheServicesName_orItsPods() {
    cluster.service("catalog", CATALOG, List.of(8080), "10.96.0.7");
    approved.add(owner(CATALOG, 8080));
    deny(
        NC, new Written(new Place.Within(Cidr.parse("10.96.0.0/16"), true), Ports.ANY, null), null);
    assertThat(list().approved()).isEmpty();

    denied.clear();
    deny(NC, host("catalog.shop.svc.test", 8080), null);
    assertThat(list().approved()).isEmpty();

    denied.clear();
    cluster.pods.put(
        IpAddress.parse("10.244.0.9"), new Workload(Owner.parse(DB), "default", Set.of()));
    approved.add(within("10.244.0.9/32", new Ports(5432, 5432)));
    assertThat(list().approved()).hasSize(2);
    deny(NC, owner(DB, 5432), null);
    assertThat(list().approved()).hasSize(1);
  }

  @Test
  void rulesThatEnded_andProcessesThatMayGoNowhere_takeNothingOut_andAllDeniedTakesAll() {
    cluster.service("catalog", CATALOG, List.of(8080), "10.96.0.7");
    approved.add(owner(CATALOG, 8080));
    deny(NC, owner(CATALOG, 8080), NOON);
    deny(NC, ANYWHERE, null);
    deny(NC, new Exact(CATALOG, Evidence.OWNER, 8080, Protocol.UDP), null);
    assertThat(list().approved()).hasSize(1);

    deny(ProcessPattern.ANY, ANYWHERE, null);
    assertThat(list().approved()).isEmpty();
  }

  @Test
  void words_sayHowManyPass_andNameSomeThatDoNot() {
    assertThat(list().words()).isEqualTo("0 approved destinations pass");

    byHand.add(Approved.parse("a.example.org:80"));
    IntStream.range(0, 5).forEach(i -> approved.add(host(i + ".example.org", 443)));

    assertThat(list().words())
        .startsWith("1 approved destination passes (1 by hand); 5 do not: 0.example.org:443 (no ")
        .endsWith(" and 2 more");
  }
}
