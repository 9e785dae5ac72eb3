package io.kith.baselines.change;

import static io.kith.baselines.change.Edges.APP;
import static io.kith.baselines.change.Edges.APP_TO_API;
import static io.kith.baselines.change.Edges.APP_TO_CART;
import static io.kith.baselines.change.Edges.APP_TO_DB;
import static io.kith.baselines.change.Edges.CHECKOUT;
import static io.kith.baselines.change.Edges.baseline;
import static io.kith.baselines.change.Edges.named;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.yaml.Problem;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PromotionTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Edge TO_CATALOG =
      Edge.learned(APP, service("catalog.shop-qa.svc.cluster.local"));
  private static final Edge TO_SANDBOX = Edge.learned(APP, named("sandbox.pay.example", 443));
  private static final Edge TO_TRACKER = Edge.learned(APP, named("tracker.example", 443));
  private static final Baseline QA =
      baseline(null, APP_TO_DB, TO_CATALOG, TO_SANDBOX, APP_TO_API, TO_TRACKER, Edges.hashed('a'));
  private static final String MAP =
      """
      apiVersion: kith.io/v1
      kind: DestinationMap
      metadata: {name: qa-to-prod}
      spec:
        from: qa
        to: prod
        namespaces: [{from: shop-qa, to: shop}]
        destinations:
          - {from: {host: sandbox.pay.example}, to: {host: live.pay.example}}
          - {from: {host: api.example.com, port: 443}, same: true}
          - {from: {host: typo.example}, same: true}
      """;

  @Test
  void promote_ownersServicesAndNamedHosts_becomeVouchersInTheWordsOfHere() {
    var promotion = promoted(Map.of());

    assertThat(promotion.vouchers())
        .extracting(voucher -> voucher.destination().words())
        .containsExactlyInAnyOrder(
            "shop/statefulset/db:5432",
            "catalog.shop.svc.cluster.local:80",
            "live.pay.example:443",
            "api.example.com:443");
    assertThat(promotion.vouchers()).extracting(Voucher::environment).containsOnly("qa");
  }

  /** What a bundle has of a workload takes the place of what one before had, also nothing. */
  @Test
  void promote_workloadOfWhichNothingMaps_isWithdrawn() {
    var mapped = promoted(Map.of());
    var bundle = new Bundle("qa", NOON, NOON.plusSeconds(1), List.of(baseline(null, TO_TRACKER)));
    var left = (Promotion.Arrival.Arrived) Promotion.promote(bundle, map(MAP), "prod", Map.of());

    assertThat(mapped.from()).isEqualTo("qa");
    assertThat(mapped.environment()).isEqualTo("prod");
    assertThat(mapped.withdrawn()).isEmpty();
    assertThat(left.promotion().withdrawn()).containsExactly(CHECKOUT);
  }

  @Test
  void promote_whatNothingMaps_staysBehindWithTheReason() {
    var promotion = promoted(Map.of());

    assertThat(promotion.notMapped())
        .extracting(Promotion.NotMapped::edge)
        .containsExactlyInAnyOrder(TO_TRACKER, Edges.hashed('a'));
    assertThat(promotion.notUsed()).hasSize(1);
  }

  @Test
  void promote_showsTheDifferenceToWhatIsEnforcedHere() {
    var here = baseline(null, APP_TO_DB, APP_TO_CART);

    var promotion = promoted(Map.of(CHECKOUT, here));

    assertThat(promotion.baselines().getFirst().parent()).isEqualTo(here.revision());
    assertThat(promotion.text())
        .isEqualTo(
            """
            4 vouchers for prod

            shop/deployment/checkout
            New destinations
              + /app/checkout ← /init → api.example.com:443
              + /app/checkout ← /init → catalog.shop.svc.cluster.local:80
              + /app/checkout ← /init → live.pay.example:443
            Gone destinations
              - /app/checkout ← /init → shop/deployment/cart:8080
            Unchanged: 1 edge

            Not mapped
              ! shop/deployment/checkout: %s
              ! shop/deployment/checkout: %s

            Lines of the map that nothing needed
              ? typo.example:*
            """
                .formatted(
                    (Object[])
                        promotion.notMapped().stream()
                            .map(left -> left.edge().words() + ": " + left.why())
                            .toArray(String[]::new)));
  }

  @Test
  void promote_toAnotherEnvironmentOrFromAnother_isRefused() {
    var map = map(MAP);
    var staging = new Bundle("staging", NOON, NOON.plusSeconds(1), List.of(QA));

    assertThat(Promotion.promote(bundle(), map, "stage", Map.of()))
        .isEqualTo(new Promotion.Arrival.Refused("the map leads to 'prod' (expected: to 'stage')"));
    assertThat(Promotion.promote(staging, map, "prod", Map.of()))
        .isEqualTo(
            new Promotion.Arrival.Refused(
                "the bundle is from 'staging' (expected: from 'qa', as the map says)"));
  }

  @Test
  void read_aMapWithMistakes_reportsThemTogether() {
    var read =
        DestinationMap.read(
            "map.yaml",
            """
            apiVersion: kith.io/v1
            kind: Map
            spec:
              from: qa
              destinations:
                - {from: {host: a.com}}
                - {from: {host: a.com}, to: {host: b.com}, same: true}
                - {to: {host: b.com}}
                - {from: {host: "*.com"}, same: true}
            """,
            name -> name.equals("com") ? null : name);

    assertThat(((DestinationMap.Read.Refused) read).problems())
        .extracting(Problem::toString)
        .containsExactly(
            "map.yaml:2:7: kind: 'Map' (expected: DestinationMap)",
            "map.yaml:4:3: spec.to: missing (expected: the environment to promote to)",
            "map.yaml:6:7: spec.destinations[0].to: beside same or without it (expected: to: {host:"
                + " …} or same: true)",
            "map.yaml:7:33: spec.destinations[1].to: beside same or without it (expected: to:"
                + " {host: …} or same: true)",
            "map.yaml:8:7: spec.destinations[2].from: missing (expected: {host: …} or {cidr: …})",
            "map.yaml:9:21: spec.destinations[3].from.host: '*.com' covers names of strangers:"
                + " anybody can register below com (expected: a wildcard below a name of one owner,"
                + " as *.example.com)");
  }

  private static Promotion promoted(Map<io.kith.baselines.identity.Owner, Baseline> here) {
    var arrival = Promotion.promote(bundle(), map(MAP), "prod", here);
    assertThat(arrival).isInstanceOf(Promotion.Arrival.Arrived.class);
    return ((Promotion.Arrival.Arrived) arrival).promotion();
  }

  private static DestinationMap map(String text) {
    var read = DestinationMap.read("map.yaml", text, name -> name);
    assertThat(read).as("%s", read).isInstanceOf(DestinationMap.Read.Accepted.class);
    return ((DestinationMap.Read.Accepted) read).map();
  }

  private static Bundle bundle() {
    return new Bundle("qa", NOON, NOON.plusSeconds(86_400), List.of(QA));
  }

  private static DestinationPattern service(String name) {
    return new DestinationPattern.Exact(name, Evidence.MESH_SERVICE, 80, Protocol.TCP);
  }
}
