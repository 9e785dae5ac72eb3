package io.kith.baselines.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OwnerTest {
  @ParameterizedTest
  @CsvSource({
    "shop/deployment/checkout, shop/deployment/checkout",
    "shop/StatefulSet/db, shop/statefulset/db",
    "a/b/c, a/b/c",
    "Shop_1.x-y/job/Report_2.0-b, Shop_1.x-y/job/Report_2.0-b"
  })
  void parse_threeNames_areKeptWithTheKindInLowerCase(String text, String shown) {
    var owner = Owner.parse(text);

    assertThat(owner).hasToString(shown);
    assertThat(Owner.parse(shown)).isEqualTo(owner);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "checkout", "shop/checkout", "shop/deployment/checkout/x", "a/b/c/"})
  void parse_notThreeParts_isRefused(String text) {
    assertThatThrownBy(() -> Owner.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "owner: '" + text + "' (expected: namespace/kind/name, as shop/deployment/checkout)");
  }

  @ParameterizedTest
  @CsvSource({
    "/deployment/checkout, namespace: ''",
    "shop//checkout, kind: ''",
    "shop/deployment/, name: ''",
    "sh op/deployment/checkout, namespace: 'sh op'",
    "shop/*/checkout, kind: '*'",
    "shop/deployment/-checkout, name: '-checkout'",
    "shop/deployment/.., name: '..'",
    "shop/deployment/bücher, name: 'bücher'"
  })
  void parse_aPartThatIsNoName_isRefusedWithWhichOne(String text, String message) {
    assertThatThrownBy(() -> Owner.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message + " (expected: letters, digits, '.', '_' and '-', at most 252)");
  }

  @Test
  void parse_aNameOf252_isAccepted_of253_isNot() {
    assertThat(Owner.parse("a/b/" + "c".repeat(252)).name()).hasSize(252);
    assertThatThrownBy(() -> Owner.parse("a/b/" + "c".repeat(253)))
        .hasMessageContaining("at most 252");
  }

  /** Who sends it chose its length, and the message said all of it. */
  @Test
  void parse_moreThanThreeNamesCanHave_isRefusedWithItsLength() {
    var longest = "a".repeat(252);
    assertThat(Owner.parse(longest + "/" + longest + "/" + longest).name()).isEqualTo(longest);
    assertThatThrownBy(() -> Owner.parse("/".repeat(759)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("owner of 759 characters (expected: at most 758)");
  }

  @ParameterizedTest
  @CsvSource({
    "shop/job/import, true",
    "shop/CronJob/report, true",
    "shop/deployment/job, false",
    "job/pod/cronjob, false",
    "shop/jobset/import, false"
  })
  void isJob_ofTheKindsThatEndByThemselves_alone(String owner, boolean job) {
    assertThat(Owner.parse(owner).isJob()).isEqualTo(job);
  }

  @Test
  void compareTo_ordersByTheText() {
    assertThat(Stream.of("b/a/a", "a/b/b", "a/b/a", "a/a/z").map(Owner::parse).sorted())
        .extracting(Owner::toString)
        .containsExactly("a/a/z", "a/b/a", "a/b/b", "b/a/a");
    assertThat(Owner.parse("a/b/c")).isEqualByComparingTo(Owner.parse("a/B/c"));
  }
}
