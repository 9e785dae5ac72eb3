package io.kith.baselines.bundle;

import static io.kith.baselines.bundle.Keys.QA;
import static io.kith.baselines.bundle.Keys.RING;
import static io.kith.baselines.bundle.Keys.STRANGER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.kith.baselines.bundle.Bundles.Opened.Accepted;
import io.kith.baselines.bundle.Bundles.Opened.Refused;
import io.kith.baselines.change.Edges;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.yaml.Json;
import java.security.KeyPairGenerator;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BundlesTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Instant TOMORROW = NOON.plusSeconds(86_400);
  private static final Baseline SHOP =
      Edges.baseline(null, Edges.APP_TO_DB, Edges.APP_TO_API, Edges.hashed('a'));
  private static final Bundle BUNDLE = new Bundle("qa", NOON, TOMORROW, List.of(SHOP));
  private static final String SEALED = Bundles.seal(BUNDLE, QA);

  @Test
  void open_whatWasSealed_isTheSame() {
    assertThat(Bundles.open(SEALED, RING, NOON)).isEqualTo(new Accepted(BUNDLE, QA.id()));
    assertThat(Bundles.open(SEALED.getBytes(UTF_8), RING, NOON)).isInstanceOf(Accepted.class);
  }

  @Test
  void seal_isAnInTotoStatementInADsseEnvelope() {
    var envelope = Json.read(SEALED);
    var payload = new String(Base64.getDecoder().decode(envelope.text("payload")), UTF_8);
    var statement = Json.read(payload);

    assertThat(envelope.text("payloadType")).isEqualTo("application/vnd.in-toto+json");
    assertThat(statement.text("_type")).isEqualTo("https://in-toto.io/Statement/v1");
    assertThat(statement.text("predicateType")).isEqualTo("https://kith.io/baseline/v1");
    assertThat(statement.objects("subject").getFirst().text("name")).isEqualTo(SHOP.revision());
  }

  @Test
  void open_withAnySingleBitFlipped_isRefused() {
    var bytes = SEALED.getBytes(UTF_8);
    var accepted = new ArrayList<Integer>();
    for (var bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit / 8] ^= (byte) (1 << bit % 8);
      if (Bundles.open(bytes, RING, NOON) instanceof Accepted) {
        accepted.add(bit);
      }
      bytes[bit / 8] ^= (byte) (1 << bit % 8);
    }

    assertThat(bytes.length).isGreaterThan(1_000);
    assertThat(accepted).isEmpty();
    assertThat(Bundles.open(bytes, RING, NOON)).isInstanceOf(Accepted.class);
  }

  @Test
  void open_cutAnywhereOrContinued_isRefused() {
    for (var end = 0; end < SEALED.length(); end++) {
      assertThat(Bundles.open(SEALED.substring(0, end), RING, NOON)).isInstanceOf(Refused.class);
    }
    for (var more : List.of(" ", "\n", "{}", "\u0000")) {
      assertThat(Bundles.open(SEALED + more, RING, NOON)).isInstanceOf(Refused.class);
    }
  }

  @Test
  void open_expired_isRefused() {
    assertThat(Bundles.open(SEALED, RING, TOMORROW))
        .isEqualTo(new Refused("expired at 2026-11-26T12:00:00Z (make a new one in qa)"));
    assertThat(Bundles.open(SEALED, RING, TOMORROW.minusMillis(1))).isInstanceOf(Accepted.class);
  }

  @Test
  void open_madeInTheFuture_isRefused() {
    assertThat(Bundles.open(SEALED, RING, NOON.minusSeconds(301)))
        .isEqualTo(
            new Refused("made at 2026-11-25T12:00:00Z, which is to come (check the clocks)"));
    assertThat(Bundles.open(SEALED, RING, NOON.minusSeconds(300))).isInstanceOf(Accepted.class);
  }

  @Test
  void open_ofAnUnknownKey_isRefused() {
    assertThat(Bundles.open(Bundles.seal(BUNDLE, STRANGER), RING, NOON))
        .isEqualTo(
            new Refused(
                "signed by an unknown key, '"
                    + STRANGER.id()
                    + "' (add its public key to trust it)"));
  }

  @Test
  void open_ofAKeyThatIsTrustedWithSomethingElse_isRefused() {
    for (var key : List.of(Keys.LEARNER, Keys.APPROVER)) {
      assertThat(Bundles.open(Bundles.seal(BUNDLE, key), RING, NOON)).isInstanceOf(Refused.class);
    }
  }

  @Test
  void open_aStrangerUnderTheNameOfATrustedKey_isRefused() {
    var forged = Bundles.seal(BUNDLE, STRANGER).replace(STRANGER.id(), QA.id());

    assertThat(Bundles.open(forged, RING, NOON))
        .isEqualTo(new Refused("altered: the signature of " + QA.id() + " does not fit"));
  }

  @Test
  void open_anotherPayloadType_isRefused_alsoWhenItIsSignedAsSuch() {
    var other = Dsse.seal("application/json", "{}", QA);

    assertThat(Bundles.open(other, RING, NOON))
        .isEqualTo(
            new Refused(
                "payload type 'application/json' (expected: application/vnd.in-toto+json)"));
    // the type is under the signature: renaming it does not help
    assertThat(Bundles.open(other.replace("application/json", Bundles.PAYLOAD_TYPE), RING, NOON))
        .isEqualTo(new Refused("altered: the signature of " + QA.id() + " does not fit"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"_type\":\"https://in-toto.io/Statement/v0.1\"}",
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},\"predicateType\":\"https://slsa.dev/provenance/v1\",\"subject\":[]}"
      })
  void open_anotherStatementOfTheSameKey_isRefused(String payload) {
    var sealed = Dsse.seal(Bundles.PAYLOAD_TYPE, payload, QA);

    assertThat(Bundles.open(sealed, RING, NOON))
        .isInstanceOfSatisfying(
            Refused.class,
            refused ->
                assertThat(refused.why())
                    .startsWith("signed by " + QA.id() + ", and not a bundle: "));
  }

  @Test
  void open_aSubjectOfOtherBaselines_isRefused() {
    var payload = new String(Base64.getDecoder().decode(Json.read(SEALED).text("payload")), UTF_8);
    var digest = Json.read(payload).objects("subject").getFirst().object("digest").text("sha256");

    var sealed = Dsse.seal(Bundles.PAYLOAD_TYPE, payload.replace(digest, "0".repeat(64)), QA);

    assertThat(Bundles.open(sealed, RING, NOON))
        .isEqualTo(
            new Refused(
                "signed by " + QA.id() + ", and not a bundle: subject: not of these baselines"));
  }

  @Test
  void open_theSignatureOfAnotherPayload_isRefused() {
    var later = new Bundle("qa", NOON, TOMORROW.plusSeconds(86_400), List.of(SHOP));
    var other = Json.read(Bundles.seal(later, QA));
    var swapped = SEALED.replace(Json.read(SEALED).text("payload"), other.text("payload"));

    assertThat(swapped).isNotEqualTo(SEALED);
    assertThat(Bundles.open(swapped, RING, NOON))
        .isEqualTo(new Refused("altered: the signature of " + QA.id() + " does not fit"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"payload", "payloadType", "signatures", "keyid", "sig"})
  void open_aKeyOfTheEnvelopeTwice_isRefused(String key) {
    var twice = SEALED.replaceFirst("\"" + key + "\":", "\"" + key + "\":\"x\",$0");

    assertThat(twice).isNotEqualTo(SEALED);
    assertThat(Bundles.open(twice, RING, NOON))
        .isInstanceOfSatisfying(
            Refused.class,
            refused -> assertThat(refused.why()).startsWith("not an envelope, or altered: "));
  }

  @ParameterizedTest
  @ValueSource(strings = {"environment", "expiresAt", "baselines", "owner", "edges"})
  void open_aKeyTwiceUnderAGoodSignature_isRefused(String key) {
    var payload = new String(Base64.getDecoder().decode(Json.read(SEALED).text("payload")), UTF_8);
    var twice = payload.replaceFirst("\"" + key + "\":", "\"" + key + "\":\"x\",$0");

    assertThat(twice).isNotEqualTo(payload);
    assertThat(Bundles.open(Dsse.seal(Bundles.PAYLOAD_TYPE, twice, QA), RING, NOON))
        .isInstanceOfSatisfying(
            Refused.class,
            refused ->
                assertThat(refused.why())
                    .startsWith("signed by " + QA.id() + ", and not a bundle: "));
  }

  @Test
  void open_noSignatureOrTwo_isRefused() {
    var json = Json.read(SEALED);
    for (var signatures : List.of(List.of(), List.of(Map.of(), Map.of()))) {
      var text =
          Json.write(
              Map.of(
                  "payload",
                  json.text("payload"),
                  "payloadType",
                  json.text("payloadType"),
                  "signatures",
                  signatures));
      assertThat(Bundles.open(text, RING, NOON))
          .isEqualTo(new Refused(signatures.size() + " signatures (expected: 1)"));
    }
  }

  @Test
  void json_everyKindOfEdge_isReadAsWritten() {
    var provenance = new Provenance.ByHand("ada", "x", TOMORROW);
    var places =
        List.of(
            new Place.Anywhere(),
            new Place.Named("a.example.com", Evidence.DNS),
            new Place.Below("example.com", Evidence.CLIENT_NAME),
            new Place.Within(Cidr.parse("10.0.0.0/8"), true));
    var edges = new ArrayList<Edge>(SHOP.edges());
    for (var place : places) {
      edges.add(
          Edge.byHand(
              Edges.APP,
              new DestinationPattern.Written(place, new Ports(1, 9), Protocol.UDP),
              "a".repeat(64),
              "b".repeat(64),
              provenance));
    }
    edges.add(
        Edge.learned(Edges.APP, new DestinationPattern.Written(places.get(1), Ports.ANY, null)));
    for (var pattern :
        List.of(
            new DestinationPattern.HostWildcard("b#", "a.com", Evidence.DNS, 1, Protocol.TCP),
            new DestinationPattern.HostWildcard(null, "a.com", Evidence.DNS, 1, Protocol.TCP),
            new DestinationPattern.AddressBlock(IpAddress.parse("10.0.0.0"), 24, 1, Protocol.TCP),
            new DestinationPattern.PortRange("db", Evidence.OWNER, 40_000, 50_000, Protocol.TCP))) {
      edges.add(Edge.inGrace(Edges.APP, pattern, new Provenance.Grace("new version", TOMORROW)));
    }
    var baseline = Baseline.of(Edges.CHECKOUT, "bl:0", edges);

    assertThat(BaselineJson.read(BaselineJson.write(baseline))).isEqualTo(baseline);
  }

  @Test
  void json_anEdgeOfANewerKith_isRefusedRatherThanIgnored() {
    var text = BaselineJson.write(SHOP);

    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> BaselineJson.read(text.replaceFirst("\"kind\":\"exact\"", "\"kind\":\"regex\"")))
        .withMessageContaining("destination: unknown kind 'regex' (made by a newer Kith?)");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                BaselineJson.read(
                    text.replaceFirst("\\{\"destination", "{\"also\":1,\"destination")))
        .withMessageContaining("also: unknown");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BaselineJson.read(text.replace(":443", ":444").replace("443", "444")))
        .withMessageContaining("the address of these edges");
  }

  @Test
  void pem_keys_areReadAsWritten() throws Exception {
    var pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();

    var read = Pem.keyPair(Pem.of(pair));

    assertThat(Pem.of(pair.getPublic())).startsWith("-----BEGIN PUBLIC KEY-----\n");
    assertThat(Pem.publicKey(Pem.of(pair.getPublic()))).isEqualTo(pair.getPublic());
    assertThat(
            Bundles.open(Bundles.seal(BUNDLE, new SigningKey(read)), ring(pair.getPublic()), NOON))
        .isInstanceOf(Accepted.class);
  }

  private static Keyring ring(java.security.PublicKey key) {
    return new Keyring(List.of(new Keyring.Trusted(Keyring.Role.BUNDLER, key)));
  }

  @Test
  void pem_anythingElse_isRefusedWithoutShowingIt() throws Exception {
    var rsa = KeyPairGenerator.getInstance("RSA").generateKeyPair();

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Pem.publicKey("secret"))
        .withMessage("no PEM block (expected: -----BEGIN PUBLIC KEY-----)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Pem.publicKey(Pem.of(rsa.getPublic())))
        .withMessage("not an Ed25519 public key");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Pem.keyPair(Pem.of(rsa)))
        .withMessage("not an Ed25519 private key");
  }

  @Test
  void keyring_oneKeyInTwoRoles_isRefused() {
    var trusted =
        List.of(
            new Keyring.Trusted(Keyring.Role.LEARNER, QA.publicKey()),
            new Keyring.Trusted(Keyring.Role.APPROVER, QA.publicKey()));

    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Keyring(trusted))
        .withMessage(QA.id() + ": two roles (expected: a key of its own for each)");
  }

  @Test
  void open_neverThrows_whateverTheText() {
    for (var text :
        List.of("", "{}", "null", "[".repeat(100_000), "{\"payload\":\"" + "A".repeat(999))) {
      assertThat(Bundles.open(text, RING, NOON)).isInstanceOf(Refused.class);
    }
  }
}
