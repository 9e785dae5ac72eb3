package io.kith.server.rpc;

import org.jspecify.annotations.Nullable;

/**
 * The time that a caller gives a call, from its header.
 *
 * <p>Source: gRPC over HTTP/2, {@code Timeout}.
 */
final class CallTimeout {
  private static final int MOST_DIGITS = 8;

  private CallTimeout() {}

  /**
   * Nanoseconds from when the call began; the greatest number when none is given that can be read.
   */
  static long nanos(@Nullable CharSequence text) {
    if (text == null || text.length() < 2 || text.length() > MOST_DIGITS + 1) {
      return Long.MAX_VALUE;
    }
    var number = 0L;
    for (var i = 0; i < text.length() - 1; i++) {
      var digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return Long.MAX_VALUE;
      }
      number = 10 * number + digit;
    }
    return switch (text.charAt(text.length() - 1)) {
      case 'n' -> number;
      case 'u' -> number * 1_000;
      case 'm' -> number * 1_000_000;
      case 'S' -> number * 1_000_000_000;
      case 'M' -> number * 60_000_000_000L;
      case 'H' -> Math.min(number, 1_000_000) * 3_600_000_000_000L;
      default -> Long.MAX_VALUE;
    };
  }
}
