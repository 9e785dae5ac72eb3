package io.kith.server.provenance;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicReferenceArray;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** One secret, and the keys of the hours that are derived from it. Thread-safe. */
final class MeshKey {
  private static final String HMAC = "HmacSHA256";
  private static final String PURPOSE = "kith provenance 1 hour ";
  private static final long HOUR = Duration.ofHours(1).toSeconds();

  /** An HMAC under the key of an hour, to be cloned: making one anew costs more than using it. */
  private record Hour(long number, Mac mac) {}

  private final Mac master;

  /** Of this hour and the one beside it, an even and an odd one: no token is about another. */
  private final AtomicReferenceArray<Hour> hours = new AtomicReferenceArray<>(2);

  MeshKey(byte[] secret) {
    master = keyed(secret);
  }

  /** The MAC of a token that ends at a time. */
  byte[] mac(Instant ends, byte[] text) {
    return clone(hour(Math.floorDiv(ends.getEpochSecond(), HOUR)).mac()).doFinal(text);
  }

  private Hour hour(long number) {
    var slot = (int) (number & 1);
    var known = hours.get(slot);
    if (known != null && known.number() == number) {
      return known;
    }
    var key = clone(master).doFinal((PURPOSE + number).getBytes(StandardCharsets.US_ASCII));
    var fresh = new Hour(number, keyed(key));
    hours.set(slot, fresh);
    return fresh;
  }

  private static Mac keyed(byte[] key) {
    try {
      var mac = Mac.getInstance(HMAC);
      mac.init(new SecretKeySpec(key, HMAC));
      return mac;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has " + HMAC, e);
    }
  }

  private static Mac clone(Mac mac) {
    try {
      return (Mac) mac.clone();
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException("the JDK's own " + HMAC + " can be cloned", e);
    }
  }
}
