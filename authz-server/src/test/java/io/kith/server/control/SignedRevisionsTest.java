package io.kith.server.control;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import java.io.ByteArrayOutputStream;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A revision's signed text is what was signed, though it is not kept. */
class SignedRevisionsTest {
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");
  private static final Change CHANGE =
      new Change(Shop.NOON, "ada", "test", "propose", OWNER.toString(), "{}");

  private KeyPair pair;
  private Keyring keys;

  @BeforeEach
  void makeKeys() throws Exception {
    pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    keys = new Keyring(List.of(new Keyring.Trusted(Keyring.Role.LEARNER, pair.getPublic())));
  }

  private static Baseline baseline(@Nullable String parent, String... destinations) {
    return Baseline.of(
        OWNER,
        parent,
        Stream.of(destinations)
            .map(
                name ->
                    Edge.learned(
                        Shop.PAYMENTS.processClass(),
                        new DestinationPattern.Exact(name, Evidence.OWNER, 443, Protocol.TCP)))
            .toList());
  }

  private static Life taken(Life.Step step) {
    assertThat(step).isInstanceOf(Life.Step.Taken.class);
    return ((Life.Step.Taken) step).life();
  }

  @Test
  void signed_isTheTextThatWasSigned() {
    var baseline = baseline(null, "shop/deployment/a", "shop/deployment/b");
    var signed = SignedBaseline.sign(baseline, new SigningKey(pair), List.of());

    var life = taken(Life.none(OWNER).propose(signed, keys, CHANGE));

    assertThat(life.signed(baseline.revision())).isEqualTo(signed);
    assertThat(requireNonNull(life.signed().get(baseline.revision())).text()).isNull();
    assertThat(life.signed("bl:" + "0".repeat(32))).isNull();
  }

  @Test
  void signed_isTheTextThatWasSigned_whenItIsWrittenInAnotherWay() throws Exception {
    var baseline = baseline(null, "shop/deployment/a", "shop/deployment/b");
    var edges = baseline.edges().stream().map(BaselineJson::write).toList();
    var other =
        BaselineJson.write(baseline)
            .replace(String.join(",", edges), String.join(",", edges.reversed())); // means the same
    assertThat(other).isNotEqualTo(BaselineJson.write(baseline));
    var signed =
        new SignedBaseline(
            other,
            new SignedBaseline.Seal(
                Keyring.idOf(pair.getPublic()),
                signature("application/vnd.kith.baseline+json", other)),
            List.of());

    var life = taken(Life.none(OWNER).propose(signed, keys, CHANGE));

    assertThat(life.signed(baseline.revision())).isEqualTo(signed);
    assertThat(requireNonNull(life.signed(baseline.revision())).verify(keys))
        .isEqualTo(new SignedBaseline.Verified.Accepted(baseline));
  }

  @Test
  void revisions_areKeptPacked_andSayTheSame() {
    var key = new SigningKey(pair);
    var first = baseline(null, "shop/deployment/a", "shop/deployment/b");
    var second =
        baseline(first.revision(), "shop/deployment/a", "shop/deployment/b", "shop/deployment/c");

    var life =
        taken(
            taken(
                    Life.none(OWNER)
                        .propose(SignedBaseline.sign(first, key, List.of()), keys, CHANGE))
                .enforce(first.revision(), keys, CHANGE));
    life = taken(life.propose(SignedBaseline.sign(second, key, List.of()), keys, CHANGE));

    assertThat(life.newest()).isEqualTo(second);
    assertThat(life.enforced()).isEqualTo(first);
    assertThat(requireNonNull(life.newest()).edges()).isInstanceOf(CompactEdges.class);
    assertThat(requireNonNull(life.signed(second.revision())).text())
        .isEqualTo(BaselineJson.write(second));
  }

  /** As DSSE signs: what, and of which type. */
  private String signature(String type, String text) throws Exception {
    var message = new ByteArrayOutputStream();
    var body = text.getBytes(UTF_8);
    message.writeBytes(
        ("DSSEv1 " + type.length() + " " + type + " " + body.length + " ").getBytes(UTF_8));
    message.writeBytes(body);
    var signer = Signature.getInstance("Ed25519");
    signer.initSign(pair.getPrivate());
    signer.update(message.toByteArray());
    return Base64.getEncoder().encodeToString(signer.sign());
  }
}
