package io.kith.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.ApprovedService;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class FloorTest {
  private static final ApprovedService CATALOG =
      new ApprovedService(
          List.of("10.96.0.7/32", "fd00::7/128"), List.of("catalog", "catalog.shop"), 8080);
  private static final ApprovedService CART =
      new ApprovedService(List.of("10.96.0.8/32"), List.of("cart.shop"), 8080);
  private static final ApprovedService NETWORK =
      new ApprovedService(List.of("10.7.0.0/16"), List.of(), 5432);
  private static final List<Approved> ALL = List.of(CATALOG, CART, NETWORK);

  @Test
  void ofConnections_servicesOfAPortAreOneRule_byTheirAddresses() {
    assertThat(Floor.ofConnections(ALL).toString())
        .contains(
            "{and_rules={rules=[{destination_port=5432}, {or_rules={rules="
                + "[{destination_ip={address_prefix=10.7.0.0, prefix_len=16}}]}}]}},"
                + " {and_rules={rules=[{destination_port=8080}, {or_rules={rules="
                + "[{destination_ip={address_prefix=10.96.0.7, prefix_len=32}},"
                + " {destination_ip={address_prefix=10.96.0.8, prefix_len=32}},"
                + " {destination_ip={address_prefix=fd00::7, prefix_len=128}}]}}]}}]");
  }

  /** Envoy sends a request by its host, wherever it was dialled. */
  @Test
  void ofRequests_wantsAnAddressAndAHost_andNothingWithoutHosts() {
    assertThat(Floor.ofRequests(ALL).toString())
        .contains(
            "{and_rules={rules=[{destination_port=8080}, {or_rules={rules="
                + "[{destination_ip={address_prefix=10.96.0.7, prefix_len=32}},"
                + " {destination_ip={address_prefix=10.96.0.8, prefix_len=32}},"
                + " {destination_ip={address_prefix=fd00::7, prefix_len=128}}]}},"
                + " {or_rules={rules=[{header={name=:authority, string_match={safe_regex={regex="
                + "(?i)(?:cart\\.shop|catalog|catalog\\.shop)(?::8080)?}}}}]}}]}}]")
        .doesNotContain("5432");
  }

  @Test
  void ofRequests_manyHosts_areExpressionsThatEnvoyTakes_andEachIsInOne() {
    var services = new ArrayList<Approved>();
    var names = new ArrayList<String>();
    for (var i = 0; i < 500; i++) {
      var name = "service-%03d.shop.svc.cluster.local".formatted(i);
      names.add(name);
      services.add(
          new ApprovedService(
              List.of("10.96.%d.%d/32".formatted(i / 250, i % 250)), List.of(name), 80));
    }

    var expressions =
        Pattern.compile("\\{regex=([^}]*)")
            .matcher(Floor.ofRequests(services).toString())
            .results()
            .map(found -> found.group(1))
            .toList();

    assertThat(expressions)
        .hasSizeBetween(2, 20)
        .allSatisfy(one -> assertThat(one).hasSizeLessThan(2_100));
    for (var name : names) {
      for (var host : List.of(name, name.toUpperCase(java.util.Locale.ROOT), name + ":80")) {
        assertThat(expressions).filteredOn(one -> Pattern.matches(one, host)).hasSize(1);
      }
      assertThat(expressions).noneMatch(one -> Pattern.matches(one, name + ":81"));
      assertThat(expressions).noneMatch(one -> Pattern.matches(one, name.replace('.', 'x')));
    }
  }

  /** Then nothing passes but what Kith answered. */
  @Test
  void ofNothing_hasTheRuleForWhatKithAnswered_andNoOther() {
    for (var floor : List.of(Floor.ofConnections(List.of()), Floor.ofRequests(List.of()))) {
      assertThat(floor.toString())
          .containsPattern("permissions=\\[\\{sourced_metadata=[^\\[]*\\[\\{key=decision}]")
          .doesNotContain("destination_port");
    }
  }
}
