package io.kith.baselines.bundle;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.bundle.Keyring.Trusted;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/** Keys made for a test. */
final class Keys {
  static final SigningKey QA = make();
  static final SigningKey LEARNER = make();
  static final SigningKey APPROVER = make();
  static final SigningKey STRANGER = make();
  static final Keyring RING =
      new Keyring(
          List.of(
              new Trusted(Role.BUNDLER, QA.publicKey()),
              new Trusted(Role.LEARNER, LEARNER.publicKey()),
              new Trusted(Role.APPROVER, APPROVER.publicKey())));

  private Keys() {}

  static SigningKey make() {
    try {
      return new SigningKey(KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
