package io.kith.server.check;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/** Makes ids that are unique for all purposes, and no secrets. */
public final class Ids {
  private static final byte[] DIGITS = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);

  private Ids() {}

  /** {@code d:} and 16 hex digits. */
  static String decision() {
    var text = new byte[18];
    text[0] = 'd';
    text[1] = ':';
    hex(ThreadLocalRandom.current().nextLong(), text, 2);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  /** 32 hex digits, not all zero. */
  public static String trace() {
    var random = ThreadLocalRandom.current();
    var text = new byte[32];
    hex(random.nextLong(), text, 0);
    hex(random.nextLong() | 1, text, 16);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  private static void hex(long bits, byte[] into, int at) {
    for (var i = 0; i < 16; i++) {
      into[at + i] = DIGITS[(int) (bits >>> (60 - 4 * i)) & 0xf];
    }
  }
}
