package io.kith.baselines.bundle;

import static java.util.Objects.requireNonNull;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.Signature;

/** An Ed25519 key pair that signs. */
public final class SigningKey {
  private final KeyPair keys;
  private final String id;

  public SigningKey(KeyPair keys) {
    this.keys = requireNonNull(keys, "keys");
    this.id = Keyring.idOf(keys.getPublic());
  }

  /** {@link Keyring#idOf} its public key. */
  public String id() {
    return id;
  }

  public java.security.PublicKey publicKey() {
    return keys.getPublic();
  }

  byte[] sign(byte[] message) {
    try {
      var signature = Signature.getInstance("Ed25519");
      signature.initSign(keys.getPrivate());
      signature.update(message);
      return signature.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("key " + id + " does not sign", e);
    }
  }

  @Override
  public String toString() {
    return id; // never the key
  }
}
