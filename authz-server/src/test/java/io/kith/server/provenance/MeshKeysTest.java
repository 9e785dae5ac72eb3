package io.kith.server.provenance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MeshKeysTest {
  private static final SpiffeId CHECKOUT = SpiffeId.parse("spiffe://mesh.test/ns/shop/sa/checkout");
  private static final SpiffeId BATCH = SpiffeId.parse("spiffe://mesh.test/ns/shop/sa/batch");
  private static final Owner CALLER = Owner.parse("shop/deployment/checkout");
  private static final Owner CATALOG = Owner.parse("shop/deployment/catalog");
  private static final Owner LEDGER = Owner.parse("shop/deployment/ledger");
  private static final String CLASS = "0123456789abcdef";
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final byte[] OLD = secret(1);
  private static final byte[] NEW = secret(2);

  private static byte[] secret(int value) {
    var secret = new byte[MeshKeys.LEAST];
    Arrays.fill(secret, (byte) value);
    return secret;
  }

  private static MeshKeys keys(byte[]... secrets) {
    return new MeshKeys(List.of(secrets));
  }

  private static String token() {
    return keys(OLD).make(CHECKOUT, CALLER, CLASS, CATALOG, NOON);
  }

  private static String why(MeshKeys keys, String token, Instant now) {
    return switch (keys.check(token, CHECKOUT, CATALOG, now)) {
      case Proof.Good _ -> "";
      case Proof.Bad(var why) -> why;
    };
  }

  @Test
  void check_ownToken_saysWhatWasPutIn() {
    assertThat(keys(OLD).check(token(), CHECKOUT, CATALOG, NOON))
        .isEqualTo(
            new Proof.Good(
                new ProvenanceToken(NOON.plusSeconds(60), CHECKOUT, CALLER, CLASS, CATALOG)));
  }

  /** Its form is a promise to servers of other versions. */
  @Test
  void make_always_isReadableAndFitForAHeader() {
    assertThat(token())
        .startsWith(
            "1;1772366460;spiffe://mesh.test/ns/shop/sa/checkout;shop/deployment/checkout;"
                + "0123456789abcdef;shop/deployment/catalog;")
        .matches("[\\x21-\\x7e]+")
        .doesNotContain(",", "\"")
        .isEqualTo(token());
  }

  @ParameterizedTest
  @ValueSource(longs = {-9, 0, 1, 59, 60, 69})
  void check_withinItsTimeAndTheSkew_isGood(long seconds) {
    assertThat(why(keys(OLD), token(), NOON.plusSeconds(seconds))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(longs = {70, 71, 3_600, 86_400})
  void check_afterItsEnd_isRefused(long seconds) {
    assertThat(why(keys(OLD), token(), NOON.plusSeconds(seconds)))
        .isEqualTo("ended at 2026-03-01T12:01:00Z");
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 3_600, 86_400})
  void check_longBeforeItWasMade_isRefused(long seconds) {
    assertThat(why(keys(OLD), token(), NOON.minusSeconds(seconds)))
        .isEqualTo("ends at 2026-03-01T12:01:00Z, later than any that was made by now");
  }

  @Test
  void check_fromAnotherProxyThanItWasGivenTo_isRefused() {
    assertThat(keys(OLD).check(token(), BATCH, CATALOG, NOON))
        .isEqualTo(new Proof.Bad("was given to spiffe://mesh.test/ns/shop/sa/checkout"));
  }

  /** Whoever receives a token cannot go on with it. */
  @Test
  void check_atAnotherReceiver_isRefused() {
    assertThat(keys(OLD).check(token(), CHECKOUT, LEDGER, NOON))
        .isEqualTo(
            new Proof.Bad("is meant for shop/deployment/catalog, not for shop/deployment/ledger"));
  }

  static Stream<Arguments> forged() {
    var token = token();
    var unsigned = token.substring(0, token.lastIndexOf(';'));
    var none = "is none of Kith's";
    var wrong = "was made with no key of this mesh";
    return Stream.of(
        Arguments.of("x", none),
        Arguments.of(";", none),
        Arguments.of(unsigned, none),
        Arguments.of(unsigned + ";", wrong),
        Arguments.of(unsigned + ";AAAA", wrong),
        Arguments.of(unsigned + ";a*b", wrong),
        Arguments.of(token + "," + token, none),
        Arguments.of(token + ";", none),
        Arguments.of(" " + token, none),
        Arguments.of("2" + token.substring(1), none),
        Arguments.of(token.replace("1772366460", "01772366460"), none),
        Arguments.of(token.replace("1772366460", "-1"), none),
        Arguments.of(token.replace("1772366460", "99999999999999999999"), none),
        Arguments.of(token.replace("1772366460", "1772366461"), wrong),
        Arguments.of(token.replace(CLASS, "fedcba9876543210"), wrong),
        Arguments.of(token.replace(CLASS, "FEDCBA9876543210"), none),
        Arguments.of(token.replace("deployment/checkout", "deployment/batch"), wrong),
        Arguments.of(token.replace("deployment/catalog", "deployment/ledger"), wrong),
        Arguments.of(token.replace("sa/checkout", "sa/batch"), wrong),
        Arguments.of(token.replace("spiffe://", "spiffe:/"), none),
        Arguments.of("1;" + "a".repeat(5_000), none));
  }

  @ParameterizedTest
  @MethodSource("forged")
  void check_forged_isRefusedWithWords(String token, String why) {
    assertThat(why(keys(OLD), token, NOON)).isEqualTo(why);
  }

  /** That it was good once says nothing about another time, caller or receiver. */
  @Test
  void check_again_looksAtAllButTheMac() {
    var keys = keys(OLD);
    assertThat(why(keys, token(), NOON)).isEmpty();

    assertThat(why(keys, token(), NOON)).isEmpty();
    assertThat(why(keys, token(), NOON.plusSeconds(70))).isEqualTo("ended at 2026-03-01T12:01:00Z");
    assertThat(keys.check(token(), BATCH, CATALOG, NOON)).isInstanceOf(Proof.Bad.class);
    assertThat(keys.check(token(), CHECKOUT, LEDGER, NOON)).isInstanceOf(Proof.Bad.class);
    assertThat(why(keys, token().replace(CLASS, "fedcba9876543210"), NOON))
        .isEqualTo("was made with no key of this mesh");
  }

  /** Every octet of it counts. */
  @Test
  void check_anyOctetChanged_isRefused() {
    var random = new Random(21);
    var token = token();
    for (var at = 0; at < token.length(); at++) {
      var other = (char) (33 + random.nextInt(94));
      var changed = token.substring(0, at) + other + token.substring(at + 1);
      // The last character of a MAC in base64 has two bits that stand for nothing.
      if (other != token.charAt(at) && at < token.length() - 1) {
        assertThat(why(keys(OLD), changed, NOON)).as("%s, seed 21", changed).isNotEmpty();
      }
    }
  }

  @Test
  void check_whileASecretIsReplaced_isGoodOnServersOfBothKinds() {
    var before = keys(OLD);
    var between = keys(OLD, NEW);
    var swapped = keys(NEW, OLD);
    var after = keys(NEW);

    assertThat(why(between, token(), NOON)).isEmpty();
    assertThat(why(swapped, token(), NOON)).isEmpty();
    assertThat(why(after, token(), NOON)).isEqualTo("was made with no key of this mesh");
    var fresh = swapped.make(CHECKOUT, CALLER, CLASS, CATALOG, NOON);
    assertThat(why(after, fresh, NOON)).isEmpty();
    assertThat(why(between, fresh, NOON)).isEmpty();
    assertThat(why(before, fresh, NOON)).isEqualTo("was made with no key of this mesh");
  }

  /** The key of an hour follows from the secret, so servers agree without a word. */
  @Test
  void check_overTheHours_isGoodOnEveryServer() {
    var maker = keys(OLD);
    var checker = keys(OLD);
    for (var minute = 0; minute < 300; minute++) {
      var now = NOON.plus(Duration.ofMinutes(minute));
      var token = maker.make(CHECKOUT, CALLER, CLASS, CATALOG, now);
      for (var seconds : new long[] {-10, 0, 30, 69}) {
        assertThat(why(checker, token, now.plusSeconds(seconds))).isEmpty();
      }
    }
  }

  @Test
  void make_inAnotherHour_hasAnotherKey() {
    var forged = token().replace("1772366460", Long.toString(1_772_366_460 + 3_600));

    assertThat(why(keys(OLD), forged, NOON.plusSeconds(3_600)))
        .isEqualTo("was made with no key of this mesh");
  }

  @Test
  void new_wrongSecrets_areRefused() {
    assertThatThrownBy(MeshKeysTest::keys)
        .hasMessage("0 secrets (expected: 1 to 4, the first makes)");
    assertThatThrownBy(() -> keys(OLD, OLD, OLD, OLD, OLD))
        .hasMessage("5 secrets (expected: 1 to 4, the first makes)");
    assertThatThrownBy(() -> keys(OLD, new byte[31]))
        .hasMessage("a secret of 31 octets (expected: at least 32)");
  }

  @Test
  void fresh_always_isAnother() {
    var token = MeshKeys.fresh().make(CHECKOUT, CALLER, CLASS, CATALOG, NOON);

    assertThat(why(MeshKeys.fresh(), token, NOON)).isEqualTo("was made with no key of this mesh");
  }
}
