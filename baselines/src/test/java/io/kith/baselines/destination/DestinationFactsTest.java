package io.kith.baselines.destination;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import java.util.List;
import java.util.Set;
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
}
