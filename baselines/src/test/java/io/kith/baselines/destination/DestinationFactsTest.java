package io.kith.baselines.destination;

import static org.assertj.core.api.Assertions.assertThat;

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
}
