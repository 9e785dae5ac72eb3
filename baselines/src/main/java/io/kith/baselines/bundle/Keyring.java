package io.kith.baselines.bundle;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.ContentId;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The keys that are trusted, and with what. */
public final class Keyring {
  /** What a key may sign. */
  public enum Role {
    /** Revisions; counts for edges inside the mesh only. */
    LEARNER,
    /** Revisions, and edges that leave the mesh. */
    APPROVER,
    /** Bundles of another environment. */
    BUNDLER
  }

  /** A public key and what it may sign. */
  public record Trusted(Role role, PublicKey key) {
    public Trusted {
      requireNonNull(role, "role");
      requireNonNull(key, "key");
    }
  }

  private final Map<String, Trusted> byId = new HashMap<>();
  private final boolean verified;

  public Keyring(List<Trusted> keys) {
    this.verified = false;
    for (var key : keys) {
      var other = byId.put(idOf(key.key()), key);
      if (other != null && other.role() != key.role()) {
        throw new IllegalArgumentException(
            idOf(key.key()) + ": two roles (expected: a key of its own for each)");
      }
    }
  }

  private Keyring(Keyring same) {
    this.byId.putAll(same.byId);
    this.verified = true;
  }

  /**
   * The same keys, for entries that were taken before with {@link #id these}: a learner's signature
   * was good then, or they would not have been taken, and is not computed again. An approver's is:
   * an approval that is not good is passed over, not refused.
   */
  public Keyring ofVerified() {
    return new Keyring(this);
  }

  /** Names the keys that decide what a log may say: two of one name trust the same. */
  public String id() {
    var ids = new TreeSet<String>();
    byId.forEach(
        (id, trusted) -> {
          if (trusted.role() != Role.BUNDLER) {
            ids.add(trusted.role() + " " + id);
          }
        });
    return ContentId.of("keys:", 64, String.join("\n", ids));
  }

  /** Name of a key: {@code ed25519:} and 32 hex digits of its SHA-256. */
  public static String idOf(PublicKey key) {
    try {
      var digest = MessageDigest.getInstance("SHA-256").digest(key.getEncoded());
      return "ed25519:" + HexFormat.of().formatHex(digest, 0, 16);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** The role of a key, or null when it is not trusted. */
  @Nullable Role roleOf(String keyId) {
    var trusted = byId.get(keyId);
    return trusted == null ? null : trusted.role();
  }

  /** Whether a trusted key made the signature over the message. */
  boolean verifies(String keyId, byte[] message, byte[] signature) {
    var trusted = byId.get(keyId);
    if (trusted == null) {
      return false;
    }
    if (verified && trusted.role() == Role.LEARNER) {
      return true;
    }
    try {
      var verifier = Signature.getInstance("Ed25519");
      verifier.initVerify(trusted.key());
      verifier.update(message);
      return verifier.verify(signature);
    } catch (GeneralSecurityException _) {
      return false; // a signature of the wrong length or form
    }
  }
}
