package io.kith.baselines.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpiffeIdTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "spiffe://td",
        "spiffe://td/a",
        "spiffe://prod.mesh-1.example_x/ns/shop/sa/check-out_2.0",
        "spiffe://td/...",
        "spiffe://td/.a"
      })
  void parse_wellFormed_isKeptAsItIs(String text) {
    assertThat(SpiffeId.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "td/a",
        "https://td/a",
        "SPIFFE://td/a",
        "spiffe://",
        "spiffe:///a",
        "spiffe://TD/a",
        "spiffe://td/",
        "spiffe://td/a/",
        "spiffe://td//a",
        "spiffe://td/a/../b",
        "spiffe://td/./b",
        "spiffe://td/..",
        "spiffe://td:80/a",
        "spiffe://user@td/a",
        "spiffe://td/a?x=1",
        "spiffe://td/a#f",
        "spiffe://td/%2e%2e",
        "spiffe://td/a b",
        "spiffe://td/a\n",
        "spiffe://td/ä"
      })
  void parse_anythingElse_isRefusedWithTheTextAndWhatWasExpected(String text) {
    assertThatThrownBy(() -> SpiffeId.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("SPIFFE ID '")
        .hasMessageContaining("expected: spiffe://");
  }

  @Test
  void parse_longerThan2048_isRefused() {
    var longest = "spiffe://td/" + "a".repeat(2048 - 12);

    assertThat(SpiffeId.parse(longest).path()).hasSize(2037);
    assertThatThrownBy(() -> SpiffeId.parse(longest + "a"))
        .hasMessage("SPIFFE ID of 2049 characters (expected: at most 2048)");
  }

  @Test
  void parse_trustDomainOf255_isAccepted_of256_isNot() {
    assertThat(SpiffeId.parse("spiffe://" + "a".repeat(255) + "/x").trustDomain()).hasSize(255);
    assertThatThrownBy(() -> SpiffeId.parse("spiffe://" + "a".repeat(256) + "/x"))
        .hasMessageContaining("not a SPIFFE ID");
  }

  @Test
  void parse_refusal_showsNoControlCharacter() {
    assertThatThrownBy(() -> SpiffeId.parse("spiffe://td/\u001b[31m"))
        .hasMessageContaining("spiffe://td/?[31m");
  }

  @Test
  void pattern_starStandsForOneSegment() {
    var pattern = SpiffeIdPattern.parse("spiffe://td/ns/*/sa/checkout");

    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/shop/sa/checkout"))).isTrue();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/a/b/sa/checkout"))).isFalse();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/shop/sa/checkout2"))).isFalse();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://other/ns/shop/sa/checkout"))).isFalse();
  }

  @Test
  void pattern_withoutPath_isRefused() {
    assertThatThrownBy(() -> SpiffeIdPattern.parse("spiffe://td")).hasMessageContaining("no path");
  }
}
