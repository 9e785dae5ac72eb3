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
    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/shop/sa/checkout/x"))).isFalse();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/shop/sa"))).isFalse();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://td/ns/shop/sa/checkout2"))).isFalse();
    assertThat(pattern.matches(SpiffeId.parse("spiffe://other/ns/shop/sa/checkout"))).isFalse();
  }

  @Test
  void pattern_withoutPath_isRefused() {
    assertThatThrownBy(() -> SpiffeIdPattern.parse("spiffe://td")).hasMessageContaining("no path");
  }

  @Test
  void parse_partsOfAnId_areTrustDomainPathAndSegments() {
    var id = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");

    assertThat(id.trustDomain()).isEqualTo("prod.example");
    assertThat(id.path()).isEqualTo("/ns/shop/sa/checkout");
    assertThat(id.segments()).containsExactly("ns", "shop", "sa", "checkout");
  }

  @Test
  void parse_aTrustDomainsOwnId_hasNoPath() {
    var id = SpiffeId.parse("spiffe://prod.example");

    assertThat(id.path()).isEmpty();
    assertThat(id.segments()).isEmpty();
  }

  @Test
  void parse_refusal_quotesAtMost200Characters() {
    assertThatThrownBy(() -> SpiffeId.parse("x".repeat(200)))
        .hasMessageStartingWith("SPIFFE ID '" + "x".repeat(200) + "': ");
    assertThatThrownBy(() -> SpiffeId.parse("x".repeat(201)))
        .hasMessageStartingWith("SPIFFE ID '" + "x".repeat(200) + "…': ");
  }

  @Test
  void equals_isTheSameText_inTheOrderOfTheText() {
    var a = SpiffeId.parse("spiffe://td/a");
    var b = SpiffeId.parse("spiffe://td/b");

    assertThat(a).isEqualTo(SpiffeId.parse("spiffe://td/a"));
    assertThat(a).hasSameHashCodeAs(SpiffeId.parse("spiffe://td/a"));
    assertThat(a).isNotEqualTo(b).doesNotHaveSameHashCodeAs(b);
    assertThat(a).isNotEqualTo("spiffe://td/a");
    assertThat(a).isLessThan(b).isEqualByComparingTo(SpiffeId.parse("spiffe://td/a"));
  }

  @Test
  void pattern_isShownAsItWasWritten() {
    assertThat(SpiffeIdPattern.parse("spiffe://td/ns/*/sa/*")).hasToString("spiffe://td/ns/*/sa/*");
  }

  /** A star as trust domain was once read as the trust domain "any". */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "spiffe://*/ns/a",
        "spiffe://*",
        "spiffe://td/a*",
        "spiffe://td/*a",
        "spiffe://td/**"
      })
  void pattern_aStarBesideLettersOrAsTrustDomain_isRefused(String text) {
    assertThatThrownBy(() -> SpiffeIdPattern.parse(text)).hasMessageContaining("not a SPIFFE ID");
  }
}
