package io.kith.server.provenance;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The secrets that all servers of a mesh share, and the tokens that are made and checked with them.
 * Thread-safe.
 *
 * <p>The first secret makes, all count, so one is replaced without a moment in which tokens are
 * refused. Tokens are not made with a secret itself but with a key of the hour in which they end,
 * which every server derives for itself.
 *
 * <p>A server that shares none with the others makes no tokens and can judge none.
 */
public final class MeshKeys {
  /** How long a token counts from when it was made. */
  public static final Duration LIFETIME = Duration.ofSeconds(60);

  /** How far the clocks of two servers may be apart. */
  public static final Duration SKEW = Duration.ofSeconds(10);

  /** Octets that a secret has at least. */
  public static final int LEAST = 32;

  /** Secrets that count at a time, at most: a forged token is tried with each of them. */
  public static final int MOST = 4;

  private static final int LONGEST = 4_096;
  private static final Base64.Encoder TO_TEXT = Base64.getUrlEncoder().withoutPadding();
  private static final Base64.Decoder FROM_TEXT = Base64.getUrlDecoder();

  private final List<MeshKey> keys; // empty: shares none

  /** Tokens with a good MAC: they are sent with many requests, and looked at once. */
  private final Cache<String, ProvenanceToken> believed =
      Caffeine.newBuilder().maximumSize(10_000).expireAfterWrite(LIFETIME.plus(SKEW)).build();

  /**
   * Keys of these secrets.
   *
   * @throws IllegalArgumentException when there is none, or too many, or one is too short
   */
  public MeshKeys(List<byte[]> secrets) {
    if (secrets.isEmpty() || secrets.size() > MOST) {
      throw new IllegalArgumentException(
          secrets.size() + " secrets (expected: 1 to " + MOST + ", the first makes)");
    }
    for (var secret : secrets) {
      if (secret.length < LEAST) {
        throw new IllegalArgumentException(
            "a secret of " + secret.length + " octets (expected: at least " + LEAST + ")");
      }
    }
    this.keys = secrets.stream().map(MeshKey::new).toList();
  }

  private MeshKeys() {
    this.keys = List.of();
  }

  /** Of a server that shares no secret with the others of its mesh. */
  public static MeshKeys none() {
    return new MeshKeys();
  }

  /** Whether there is no secret to make or judge tokens with. */
  public boolean isNone() {
    return keys.isEmpty();
  }

  /** Of a secret that nobody else has and that ends with the process. */
  public static MeshKeys fresh() {
    return new MeshKeys(List.of(newSecret()));
  }

  /** A new secret. */
  public static byte[] newSecret() {
    var secret = new byte[LEAST];
    new SecureRandom().nextBytes(secret);
    return secret;
  }

  /** A token about a request of now, as text; not without a secret. */
  public String make(
      SpiffeId caller, Owner workload, String processClass, Owner audience, Instant now) {
    var ends = Instant.ofEpochSecond(now.plus(LIFETIME).getEpochSecond());
    var text = new ProvenanceToken(ends, caller, workload, processClass, audience).text();
    return text + ";" + TO_TEXT.encodeToString(keys.getFirst().mac(ends, bytes(text)));
  }

  /**
   * What a token proves.
   *
   * @param text as it was received, of any length
   * @param caller whom the receiver's proxy saw at the other end
   * @param receiver who received it
   */
  public Proof check(String text, SpiffeId caller, Owner receiver, Instant now) {
    if (isNone()) {
      return new Proof.Bad("this server cannot judge: it has no server.keys.provenance");
    }
    var known = text.length() > LONGEST ? null : believed.getIfPresent(text);
    var token = known == null ? parsed(text) : known;
    if (token == null) {
      return new Proof.Bad("is none of Kith's");
    }
    // Before the MAC: the time chooses the key, and only those of now are worth deriving.
    if (token.expires().isAfter(now.plus(LIFETIME).plus(SKEW))) {
      return new Proof.Bad("ends at " + token.expires() + ", later than any that was made by now");
    }
    if (!now.minus(SKEW).isBefore(token.expires())) {
      return new Proof.Bad("ended at " + token.expires());
    }
    if (known == null) {
      if (!isOurs(text, token.expires())) {
        return new Proof.Bad("was made with no key of this mesh");
      }
      believed.put(text, token);
    }
    if (!token.caller().equals(caller)) {
      return new Proof.Bad("was given to " + token.caller());
    }
    if (!token.audience().equals(receiver)) {
      return new Proof.Bad("is meant for " + token.audience() + ", not for " + receiver);
    }
    return new Proof.Good(token);
  }

  private static @Nullable ProvenanceToken parsed(String text) {
    var end = text.length() > LONGEST ? -1 : text.lastIndexOf(';');
    try {
      return end < 0 ? null : ProvenanceToken.parse(text.substring(0, end));
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  private boolean isOurs(String text, Instant expires) {
    var end = text.lastIndexOf(';');
    byte[] mac;
    try {
      mac = FROM_TEXT.decode(text.substring(end + 1));
    } catch (IllegalArgumentException _) {
      return false;
    }
    var signed = bytes(text.substring(0, end));
    return keys.stream().anyMatch(key -> MessageDigest.isEqual(key.mac(expires, signed), mac));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
