package io.kith.baselines.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.StaticWorkloadDirectory.Entry;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StaticWorkloadDirectoryTest {
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final Owner DB = Owner.parse("shop/statefulset/db");
  private static final SpiffeId OWN = SpiffeId.parse("spiffe://td/ns/shop/sa/checkout");
  private static final SpiffeId SHARED = SpiffeId.parse("spiffe://td/ns/shop/sa/default");
  private static final SpiffeId UNKNOWN = SpiffeId.parse("spiffe://td/ns/shop/sa/nobody");

  private final StaticWorkloadDirectory directory =
      new StaticWorkloadDirectory(
          List.of(
              new Entry(CHECKOUT, OWN, "prod", ips("10.0.0.1"), List.of("checkout.shop.svc")),
              new Entry(CHECKOUT, SHARED, "prod", ips("10.0.0.2"), List.of("checkout")),
              new Entry(CART, SHARED, "prod", ips("10.0.0.3"), List.of()),
              new Entry(DB, null, "prod", ips("10.0.0.4"), List.of("db.shop.svc"), true)));

  @Test
  void speaking_anIdOfOneOwner_isThatOwner_fromItsAddressesAndFromUnknownOnes() {
    assertThat(speaking(OWN, "10.0.0.1")).isEqualTo(CHECKOUT);
    assertThat(speaking(OWN, "10.0.0.2")).isEqualTo(CHECKOUT);
    assertThat(speaking(OWN, "192.0.2.1")).isEqualTo(CHECKOUT);
  }

  @Test
  void speaking_anIdFromTheAddressOfAnother_isNobody() {
    assertThat(speaking(OWN, "10.0.0.3")).isNull();
    assertThat(speaking(SHARED, "10.0.0.4")).isNull();
  }

  @Test
  void speaking_anIdThatSeveralShare_isToldApartByTheAddressOrNotAtAll() {
    assertThat(speaking(SHARED, "10.0.0.2")).isEqualTo(CHECKOUT);
    assertThat(speaking(SHARED, "10.0.0.3")).isEqualTo(CART);
    assertThat(speaking(SHARED, "192.0.2.1")).isNull();
  }

  @Test
  void speaking_anIdThatNobodyHas_isNobody() {
    assertThat(speaking(UNKNOWN, "10.0.0.1")).isNull();
    assertThat(speaking(UNKNOWN, "192.0.2.1")).isNull();
  }

  @Test
  void nodes_areNotKnownByHand() {
    var pod = IpAddress.parse("10.0.0.1");

    assertThat(directory.nodeOf(pod)).isNull();
    assertThat(directory.nodeAt(pod)).isNull();
  }

  @Test
  void services_leadWhereTheyAreRoutedTo() {
    assertThat(directory.leadsTo("db.shop.svc", IpAddress.parse("192.0.2.1"))).isTrue();
    assertThat(directory.looksUp("*.example.com")).isFalse();
  }

  @Test
  void at_and_named_leadToTheOwnerOfThePods() {
    assertThat(directory.at(IpAddress.parse("10.0.0.4"))).isEqualTo(directory.named("db.shop.svc"));
    assertThat(directory.named("checkout")).isEqualTo(directory.named("checkout.shop.svc"));
    assertThat(directory.at(IpAddress.parse("192.0.2.1"))).isNull();
    assertThat(directory.named("cart")).isNull();
  }

  @Test
  void all_hasEachOwnerOnceWithTheIdsOfAllItsLines() {
    assertThat(directory.all())
        .containsExactly(
            new Workload(CHECKOUT, "prod", Set.of(OWN, SHARED)),
            new Workload(CART, "prod", Set.of(SHARED)),
            new Workload(DB, "prod", Set.of(), true));
  }

  private @Nullable Owner speaking(SpiffeId id, String address) {
    var workload = directory.speaking(id, IpAddress.parse(address));
    return workload == null ? null : workload.owner();
  }

  private static List<IpAddress> ips(String address) {
    return List.of(IpAddress.parse(address));
  }
}
