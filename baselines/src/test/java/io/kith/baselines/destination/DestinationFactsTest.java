package io.kith.baselines.destination;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationFactsTest {
  /** With a semicolon as Envoy 1.40 says it of clusters of Istio 1.31. */
  @ParameterizedTest
  @CsvSource({
    "outbound|8080||catalog.shop.svc.cluster.local, catalog.shop.svc.cluster.local",
    "outbound|8080||catalog.shop.svc.cluster.local;, catalog.shop.svc.cluster.local",
    "outbound|8080|v1|Catalog.Shop;, catalog.shop",
    "catalog, catalog"
  })
  void serviceOf_clusterOfAService_isItsName(String cluster, String service) {
    assertThat(DestinationFacts.serviceOf(cluster)).isEqualTo(service);
  }

  /** Whoever is behind them is known by the address alone. */
  @ParameterizedTest
  @NullSource
  @ValueSource(
      strings = {
        "",
        " ",
        ";",
        "PassthroughCluster",
        "PassthroughCluster;",
        "BlackHoleCluster",
        "BlackHoleCluster;",
        "InboundPassthroughCluster",
        "AllowAnyDynamicDNSCluster",
        "AllowAnyDynamicDNSCluster;",
        "kith_gate",
        "kith_gate_passthrough",
        "outbound|443||*.example.org",
        "outbound|443||*.example.org;",
        "outbound|443||"
      })
  void serviceOf_clusterThatNamesNothing_isNull(String cluster) {
    assertThat(DestinationFacts.serviceOf(cluster)).isNull();
  }

  // ---- where the proxy sends by a name, and the application connects to somebody it may reach

  private static final String CATALOG = "10.96.0.7";

  private static StaticWorkloadDirectory directory() {
    return new StaticWorkloadDirectory(
        List.of(
            entry("catalog", CATALOG, "catalog", "catalog.shop.svc.cluster.local"),
            entry("ledger", "10.96.0.8", "ledger", "ledger.shop.svc.cluster.local")));
  }

  private static StaticWorkloadDirectory.Entry entry(String name, String address, String... names) {
    return new StaticWorkloadDirectory.Entry(
        new Owner("shop", "deployment", name),
        null,
        "prod",
        List.of(IpAddress.parse(address)),
        List.of(names));
  }

  private static DestinationFacts.Resolved request(String cluster, String host) {
    return new DestinationFacts(
            IpAddress.parse(CATALOG), 8080, Protocol.TCP, cluster, null, host, Set.of())
        .resolve(directory());
  }

  /** A Host that is nobody's has Envoy send the request there all the same. */
  @ParameterizedTest
  @CsvSource({
    "outbound|8080||reports.shop.svc.cluster.local, reports, reports.shop.svc.cluster.local",
    "outbound|80||api.evil.example, api.evil.example, api.evil.example",
    "outbound|80||api.evil.example;, 203.0.113.9, api.evil.example",
    "outbound|8080||ledger.shop.svc.cluster.local, l.alias, shop/deployment/ledger",
    // its own
    "outbound|8080||catalog.shop.svc.cluster.local, catalog, shop/deployment/catalog",
    "outbound|8080||catalog.shop.svc.cluster.local, c.alias, shop/deployment/catalog",
    "outbound|8080||catalog.shop.svc.other.domain, 10.96.0.7, shop/deployment/catalog",
    "outbound|8080|v2|catalog.shop, c.alias, shop/deployment/catalog",
    // what the mesh itself does with requests for it
    "outbound|8080||catalog-v2.shop.svc.cluster.local, catalog, shop/deployment/catalog",
    // wherever the application connected
    "PassthroughCluster, nobody, shop/deployment/catalog",
    "kith_passthrough, nobody, shop/deployment/catalog",
  })
  void resolve_requestToAnOwnersAddress_goesWhereTheProxySendsIt(
      String cluster, String host, String destination) {
    var resolved = request(cluster, host);

    assertThat(resolved.destination().name()).isEqualTo(destination);
    assertThat(resolved.mismatch()).isNull();
  }

  /** A rule for the block that was dialled must not allow what the proxy sends elsewhere. */
  @Test
  void resolve_requestThatTheProxySendsToAnother_isNotAtTheAddressDialled() {
    var dialled = new Place.Within(Cidr.parse(CATALOG + "/32"), false);

    for (var host : List.of("l.alias", "10.96.0.8")) {
      var elsewhere = request("outbound|8080||ledger.shop.svc.cluster.local", host).destination();
      assertThat(elsewhere.name()).isEqualTo("shop/deployment/ledger");
      assertThat(dialled.covers(elsewhere)).isFalse();
    }
    var there = request("outbound|8080||catalog.shop.svc.cluster.local", "c.alias").destination();
    assertThat(dialled.covers(there)).isTrue();
  }

  @Test
  void resolve_hostOfAnotherOrOfAWildcard_isAMismatch() {
    assertThat(request("outbound|8080||ledger.shop.svc.cluster.local", "ledger").mismatch())
        .isEqualTo(
            "the client says ledger, which is shop/deployment/ledger, and connects to"
                + " shop/deployment/catalog");
    assertThat(request("outbound|80||*.wild.example", "x.wild.example").mismatch())
        .isEqualTo(
            "the proxy routes by a name to outbound|80||*.wild.example, and the client connects to"
                + " shop/deployment/catalog");
  }

  /** The catalog's and nobody's are endpoints of it; Envoy sends to whatever was dialled. */
  private static final String HEADLESS = "h.shop.svc.cluster.local";

  /** As {@link #directory}, and knows of the headless Service that Envoy passes it through. */
  private static WorkloadDirectory withHeadless() {
    return new StubDirectory(directory()) {
      @Override
      public boolean leadsTo(String service, IpAddress dialled) {
        return !service.equals(HEADLESS)
            || List.of(CATALOG, "10.1.0.5").contains(dialled.toString());
      }
    };
  }

  /** Another directory, of which something is otherwise. */
  private static class StubDirectory implements WorkloadDirectory {
    private final WorkloadDirectory known;

    StubDirectory(WorkloadDirectory known) {
      this.known = known;
    }

    @Override
    public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
      return known.speaking(id, address);
    }

    @Override
    public @Nullable Workload at(IpAddress address) {
      return known.at(address);
    }

    @Override
    public @Nullable Workload named(String name) {
      return known.named(name);
    }

    @Override
    public Collection<Workload> all() {
      return known.all();
    }
  }

  private static DestinationFacts.Resolved dialled(String address, String cluster, String host) {
    return new DestinationFacts(
            IpAddress.parse(address), 8080, Protocol.TCP, cluster, null, host, Set.of())
        .resolve(withHeadless());
  }

  @ParameterizedTest
  @CsvSource({
    "203.0.113.9, outbound|8080||h.shop.svc.cluster.local, 203.0.113.9, ADDRESS",
    "203.0.113.9, outbound|8080||h.shop.svc.cluster.local;, 203.0.113.9, ADDRESS",
    "10.96.0.8, outbound|8080||h.shop.svc.cluster.local, shop/deployment/ledger, OWNER",
    // its own: several owners' or nobody's, so learned by its name
    "10.96.0.7, outbound|8080||h.shop.svc.cluster.local, h.shop.svc.cluster.local, MESH_SERVICE",
    "10.1.0.5, outbound|8080||h.shop.svc.cluster.local, h.shop.svc.cluster.local, MESH_SERVICE",
    // not istiod's
    "127.0.0.1, h.shop.svc.cluster.local, h.shop.svc.cluster.local, MESH_SERVICE",
  })
  void resolve_serviceThatIsPassedThrough_countsAtItsOwnAddresses(
      String address, String cluster, String destination, Evidence evidence) {
    var resolved = dialled(address, cluster, "h");

    assertThat(resolved.destination().name()).isEqualTo(destination);
    assertThat(resolved.destination().evidence()).isEqualTo(evidence);
    assertThat(resolved.mismatch()).isNull();
  }

  /** At an address that nobody owns a service keeps its name, under which it was learned. */
  @Test
  void resolve_routedFromAnAddressOfNobody_isAlsoWhoseNameItIs() {
    var resolved = dialled("10.9.9.9", "outbound|8080||ledger.shop.svc.cluster.local", "ledger");

    assertThat(resolved.destination().words()).isEqualTo("ledger.shop.svc.cluster.local:8080");
    assertThat(resolved.also())
        .isEqualTo(
            new Destination("shop/deployment/ledger", Evidence.OWNER, null, 8080, Protocol.TCP));
    assertThat(dialled("10.9.9.9", "outbound|80||reports.shop", "reports").also()).isNull();
  }

  /** So that who denies the service by its name denies it where it is one workload. */
  @ParameterizedTest
  @CsvSource({
    "outbound|8080||catalog.shop.svc.cluster.local, catalog, catalog.shop.svc.cluster.local",
    "outbound|8080||catalog.shop.svc.cluster.local;, c.alias, catalog.shop.svc.cluster.local",
    "outbound|8080||catalog.shop.svc.cluster.local, , catalog.shop.svc.cluster.local",
    "outbound|8080||catalog.shop.svc.other.domain, c.alias, catalog.shop.svc.other.domain",
    "outbound|8080||shared.shop.svc.cluster.local, , shared.shop.svc.cluster.local",
    "PassthroughCluster, catalog, ",
    ", catalog, ",
    // the destination has that name
    "outbound|8080||reports.shop.svc.cluster.local, reports, ",
  })
  void resolve_routedToAnOwner_isAlsoTheService(
      @Nullable String cluster, @Nullable String host, @Nullable String also) {
    var resolved =
        new DestinationFacts(
                IpAddress.parse(CATALOG), 8080, Protocol.TCP, cluster, null, host, Set.of())
            .resolve(directory());

    assertThat(resolved.also())
        .isEqualTo(
            also == null
                ? null
                : new Destination(
                    also, Evidence.MESH_SERVICE, IpAddress.parse(CATALOG), 8080, Protocol.TCP));
  }

  @Test
  void resolve_routedToAnotherOwner_isAlsoItsService_notAtTheAddressDialled() {
    assertThat(request("outbound|8080||ledger.shop.svc.cluster.local", "l.alias").also())
        .isEqualTo(
            new Destination(
                "ledger.shop.svc.cluster.local", Evidence.MESH_SERVICE, null, 8080, Protocol.TCP));
  }

  @Test
  void includes_whatHasNoOtherName_ofTheSameDestination() {
    var byName = request("outbound|8080||catalog.shop.svc.cluster.local", "catalog");
    var byOther = request("outbound|8080||catalog.shop.svc.other.domain", "c.alias");
    var bare = request("PassthroughCluster", "catalog");
    var elsewhere = request("outbound|8080||ledger.shop.svc.cluster.local", "l.alias");
    var mismatch = request("PassthroughCluster", "ledger");

    assertThat(byName.includes(bare)).isTrue();
    assertThat(byName.includes(byName)).isTrue();
    assertThat(bare.includes(bare)).isTrue();
    assertThat(List.of(bare, byOther, elsewhere, mismatch)).noneMatch(one -> one.includes(byName));
    assertThat(mismatch.includes(bare)).isFalse();
  }

  /** Without a name the address alone chose the chain, and so the cluster. */
  @Test
  void resolve_connectionWithoutAName_isOfWhoHasTheAddress() {
    var facts =
        new DestinationFacts(
            IpAddress.parse(CATALOG),
            8080,
            Protocol.TCP,
            "outbound|8080||shared.shop.svc.cluster.local",
            null,
            null,
            Set.of());

    assertThat(facts.resolve(directory()).destination().name())
        .isEqualTo("shop/deployment/catalog");
  }

  /** Whoever answers for a name could have a workload fetch its own credentials by it. */
  @ParameterizedTest
  @ValueSource(strings = {"169.254.170.23", "168.63.129.16", "fd00:ec2::23", "fe80::a9fe:a9fe"})
  void resolve_nameThatLeadsToCredentials_isTheAddress(String address) {
    var facts =
        new DestinationFacts(
            IpAddress.parse(address),
            80,
            Protocol.TCP,
            "PassthroughCluster",
            null,
            "api.example",
            Set.of("api.example"));

    assertThat(facts.resolve(directory()).destination().evidence()).isEqualTo(Evidence.ADDRESS);
  }

  // ---- where the proxy looks up the host of a request itself, whatever was dialled

  private static DestinationFacts byHost(String dialled, @Nullable String host, int port) {
    return new DestinationFacts(
        IpAddress.parse(dialled),
        443,
        Protocol.TCP,
        "AllowAnyDynamicDNSCluster;",
        null,
        host,
        port,
        Set.of("ledger"));
  }

  /** It was a service of the mesh, of one name for all hosts there are. */
  @ParameterizedTest
  @CsvSource({
    "203.0.113.9, api.example, 0, api.example, CLIENT_NAME, , 80, EXTERNAL_NAME",
    "203.0.113.9, API.example., 8080, api.example, CLIENT_NAME, , 8080, EXTERNAL_NAME",
    "10.96.0.7, api.example, 65535, api.example, CLIENT_NAME, , 65535, EXTERNAL_NAME",
    "10.9.9.9, reports, 0, reports, CLIENT_NAME, , 80, EXTERNAL_NAME",
    "10.9.9.9, x.cluster.local, 0, x.cluster.local, CLIENT_NAME, , 80, EXTERNAL_NAME",
    "10.96.0.7, catalog, 8080, shop/deployment/catalog, OWNER, 10.96.0.7, 8080, INTERNAL",
    "10.96.0.7, 10.96.0.8, 9090, shop/deployment/ledger, OWNER, 10.96.0.8, 9090, INTERNAL",
    "10.96.0.7, 198.51.100.7, 0, 198.51.100.7, ADDRESS, 198.51.100.7, 80, PUBLIC_ADDRESS",
    "203.0.113.9, 169.254.169.254, 0, 169.254.169.254, ADDRESS, 169.254.169.254, 80, SENSITIVE",
    "10.96.0.7, [2001:db8:0:0:0:0:0:9], 81, 2001:db8:0:0:0:0:0:9, ADDRESS, 2001:db8::9, 81,"
        + " PUBLIC_ADDRESS",
  })
  void resolve_requestThatIsSentByItsHost_goesToTheHost(
      String dialled,
      String host,
      int said,
      String name,
      Evidence evidence,
      @Nullable String address,
      int port,
      Reach reach) {
    var resolved = byHost(dialled, host, said).resolve(directory());

    var at = address == null ? null : IpAddress.parse(address);
    assertThat(resolved)
        .isEqualTo(
            new DestinationFacts.Resolved(
                new Destination(name, evidence, at, port, Protocol.TCP), null));
    assertThat(Reach.of(resolved.destination())).isEqualTo(reach);
  }

  /** Resolvers read some of them as addresses, and not all as the same one. */
  @ParameterizedTest
  @NullSource
  @ValueSource(
      strings = {"", ".", "1", "010.0.0.1", "10.0.0.1.", "[", "[]", "[fd00::9]", "[x]", "[::1"})
  void resolve_requestThatIsSentByItsHost_andHasNone_isAMismatch(@Nullable String host) {
    var resolved = byHost(CATALOG, host, 0).resolve(directory());

    assertThat(resolved.mismatch())
        .isEqualTo(
            "the proxy sends to the name that the client says, and '"
                + (host == null ? "" : host)
                + ":80' is none");
    assertThat(resolved.destination().words()).isEqualTo(CATALOG + ":443");
  }

  @Test
  void resolve_requestThatIsSentByItsHost_toNoPort_isAMismatch() {
    assertThat(byHost(CATALOG, "api.example", 65_536).resolve(directory()).mismatch())
        .isEqualTo(
            "the proxy sends to the name that the client says, and 'api.example:65536' is none");
  }

  /** What a name of the mesh leads to in the proxy's own resolver, nobody knows. */
  @Test
  void resolve_requestThatIsSentToAHostOfTheMesh_andDialsAnother_isAMismatch() {
    assertThat(byHost(CATALOG, "ledger", 8080).resolve(directory()).mismatch())
        .isEqualTo(
            "the client says ledger, which is shop/deployment/ledger, and connects to"
                + " shop/deployment/catalog");
    assertThat(byHost("203.0.113.9", "ledger", 8080).resolve(directory()).mismatch())
        .isEqualTo(
            "the client says ledger, which is shop/deployment/ledger, and connects to"
                + " 203.0.113.9");
  }

  // ---- a wildcard: the proxy sends to what was dialled, or looks up the name (DYNAMIC_DNS)

  private static final String WILD = "outbound|443||*.Wild.example;";

  /** As {@link #directory}, and knows what the mesh does with the names under the wildcard. */
  private static DestinationFacts.Resolved wild(
      boolean looksUp, @Nullable String sni, @Nullable String host, int port, String... answered) {
    var directory =
        new StubDirectory(directory()) {
          @Override
          public boolean looksUp(String wildcard) {
            return looksUp && wildcard.equals("*.wild.example");
          }
        };
    return new DestinationFacts(
            IpAddress.parse("203.0.113.9"),
            443,
            Protocol.TCP,
            WILD,
            sni,
            host,
            port,
            Set.of(answered))
        .resolve(directory);
  }

  /** An approved address was dialled, and Envoy looks up a name of the attacker's. */
  @ParameterizedTest
  @CsvSource({
    "theirs.wild.example, , 0, theirs.wild.example:443",
    "Theirs.Wild.example., other.example, 22, theirs.wild.example:443",
    ", theirs.wild.example, 0, theirs.wild.example:80",
    ", theirs.wild.example, 22, theirs.wild.example:22",
  })
  void resolve_nameUnderAWildcardThatIsLookedUp_isTheName(
      @Nullable String sni, @Nullable String host, int port, String words) {
    var resolved = wild(true, sni, host, port);

    assertThat(resolved.mismatch()).isNull();
    assertThat(resolved.destination().words()).isEqualTo(words);
    assertThat(resolved.destination().evidence()).isEqualTo(Evidence.CLIENT_NAME);
    assertThat(resolved.destination().address()).isNull();
  }

  @ParameterizedTest
  @CsvSource({", , 0, :80", "010.0.0.1, , 0, 010.0.0.1:443", "' ', , 0, :80"})
  void resolve_noNameUnderAWildcardThatIsLookedUp_isAMismatch(
      @Nullable String sni, @Nullable String host, int port, String said) {
    assertThat(wild(true, sni, host, port).mismatch())
        .isEqualTo("the proxy sends to the name that the client says, and '" + said + "' is none");
  }

  @Test
  void resolve_nameUnderAWildcardThatIsPassedOn_countsWithADnsAnswer_elseTheAddress() {
    assertThat(wild(false, "x.wild.example", null, 0).destination().words())
        .isEqualTo("203.0.113.9:443");
    assertThat(wild(false, null, "x.wild.example", 22, "x.wild.example").destination().words())
        .isEqualTo("x.wild.example:443");
    assertThat(wild(false, "x.wild.example", null, 0).mismatch()).isNull();
  }
}
