package io.kith.server.check;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/** Makes ids that are unique for all purposes, and no secrets. */
public final class Ids {
  private static final byte[] DIGITS = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);

  private static final int DECISION_LENGTH = 18;
  private static final int TRACE_LENGTH = 32;

  private Ids() {}

  /** {@code d:} and 16 hex digits. */
  static String decision() {
    return decision(ThreadLocalRandom.current().nextLong());
  }

  /** The id of a decision with this number. */
  public static String decision(long number) {
    var text = new byte[DECISION_LENGTH];
    text[0] = 'd';
    text[1] = ':';
    hex(number, text, 2);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  /** Whether a text is the id of a decision, which {@link #number} reads from 2 on. */
  public static boolean isDecision(String text) {
    return text.length() == DECISION_LENGTH
        && text.startsWith("d:")
        && isHex(text, 2, DECISION_LENGTH);
  }

  /** 32 hex digits, not all zero. */
  public static String trace() {
    var random = ThreadLocalRandom.current();
    return trace(random.nextLong(), random.nextLong() | 1);
  }

  /** The id of a trace with this number of 128 bits. */
  public static String trace(long high, long low) {
    var text = new byte[TRACE_LENGTH];
    hex(high, text, 0);
    hex(low, text, 16);
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  /** Whether a text is the id of a trace, which {@link #number} reads from 0 and 16 on. */
  public static boolean isTrace(String text) {
    return text.length() == TRACE_LENGTH && isHex(text, 0, TRACE_LENGTH);
  }

  /** The number that 16 hex digits are. */
  public static long number(String text, int from) {
    return Long.parseUnsignedLong(text, from, from + 16, 16);
  }

  /** Whether there are only digits of ids from one place to before another. */
  static boolean isHex(String text, int from, int to) {
    for (var i = from; i < to; i++) {
      var digit = text.charAt(i);
      if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
        return false;
      }
    }
    return true;
  }

  private static void hex(long bits, byte[] into, int at) {
    for (var i = 0; i < 16; i++) {
      into[at + i] = DIGITS[(int) (bits >>> (60 - 4 * i)) & 0xf];
    }
  }
}
