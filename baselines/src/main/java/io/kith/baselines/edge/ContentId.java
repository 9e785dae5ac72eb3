package io.kith.baselines.edge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Names made from what they name: a prefix and the first digits of a SHA-256. */
public final class ContentId {
  private ContentId() {}

  /**
   * The name of a text.
   *
   * @param hexDigits how many digits follow the prefix, at most 64
   */
  public static String of(String prefix, int hexDigits, String text) {
    try {
      var digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
      return prefix + HexFormat.of().formatHex(digest).substring(0, hexDigits);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
