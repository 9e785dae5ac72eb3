package io.kith.baselines.bundle;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.Keyring.Trusted;
import io.kith.baselines.bundle.LearnedSeals.Opened;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.LearnedPart;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LearnedSealsTest {
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");

  private final SigningKey key = fresh();
  private final LearnedSeals seals =
      new LearnedSeals(new Keyring(List.of(new Trusted(Role.LEARNER, key.publicKey()))));

  private static SigningKey fresh() {
    try {
      return new SigningKey(KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Plain> batch(int size) {
    var parts = new ArrayList<Plain>();
    for (var i = 0; i < size; i++) {
      parts.add(
          new Plain(
              new LearnedPart("one", OWNER, "edge:" + i, "{\"seen\":\"ümlaut\n" + i + "\"}"), i));
    }
    return parts;
  }

  private String why(LearnedPart part) {
    return seals.open(part) instanceof Opened.Refused(var why) ? why : "good";
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 7, 8, 9, 1_000})
  void open_everyPartOfABatch_isWhatWasSealed(int size) {
    var batch = batch(size);

    var opened = LearnedSeals.seal(batch, key).stream().map(seals::open).toList();

    assertThat(opened).isEqualTo(batch.stream().map(Opened.Good::new).toList());
  }

  @Test
  void open_movedToAnotherPlace_isRefused() {
    var sealed = LearnedSeals.seal(batch(5), key).get(3);

    assertThat(why(new LearnedPart("two", OWNER, sealed.key(), sealed.body())))
        .isEqualTo("it was changed after it was sealed by " + key.id());
    assertThat(
            why(
                new LearnedPart(
                    "one", Owner.parse("shop/deployment/other"), sealed.key(), sealed.body())))
        .startsWith("it was changed");
    assertThat(why(new LearnedPart("one", OWNER, "edge:1", sealed.body())))
        .startsWith("it was changed");
  }

  @Test
  void open_anotherEpoch_isRefused() {
    var sealed = LearnedSeals.seal(batch(2), key).get(1);

    assertThat(
            why(
                new LearnedPart(
                    "one",
                    OWNER,
                    sealed.key(),
                    sealed.body().replaceFirst("kith1 1 ", "kith1 2 "))))
        .startsWith("it was changed");
  }

  @Test
  void open_anyByteChanged_isRefused() {
    var sealed = LearnedSeals.seal(batch(6), key).get(4);
    var random = new Random(7);
    for (var i = 0; i < 400; i++) {
      var at = random.nextInt(sealed.body().length());
      var body = new StringBuilder(sealed.body());
      body.setCharAt(at, (char) (body.charAt(at) ^ 1));

      assertThat(why(new LearnedPart("one", OWNER, sealed.key(), body.toString())))
          .as("byte " + at)
          .isNotEqualTo("good");
    }
  }

  @Test
  void open_withoutSealOrOfAStranger_saysWhose() {
    var stranger = fresh();

    assertThat(why(new LearnedPart("one", OWNER, "edge:1", "{\"v\":1}")))
        .isEqualTo("it has no seal");
    assertThat(why(LearnedSeals.seal(batch(1), stranger).getFirst()))
        .isEqualTo(
            "it is sealed by '"
                + stranger.id()
                + "' (expected: the key of this server, or one of server.keys.trusted)");
  }

  @Test
  void open_aLearnersRoleIsNeeded() {
    var approver =
        new LearnedSeals(new Keyring(List.of(new Trusted(Role.APPROVER, key.publicKey()))));

    assertThat(approver.open(LearnedSeals.seal(batch(1), key).getFirst()))
        .isInstanceOf(Opened.Refused.class);
  }
}
