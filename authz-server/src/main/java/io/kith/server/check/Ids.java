package io.kith.server.check;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/** Makes ids that are unique for all purposes, and no secrets. */
public final class Ids {
  private static final HexFormat HEX = HexFormat.of();

  private Ids() {}

  /** {@code d:} and 16 hex digits. */
  static String decision() {
    return "d:" + HEX.toHexDigits(ThreadLocalRandom.current().nextLong());
  }

  /** 32 hex digits, not all zero. */
  public static String trace() {
    var random = ThreadLocalRandom.current();
    return HEX.toHexDigits(random.nextLong()) + HEX.toHexDigits(random.nextLong() | 1);
  }
}
