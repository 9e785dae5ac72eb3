package io.kith.server.check;

import io.grpc.Metadata;

/**
 * The time that a caller gives a call, from its header.
 *
 * <p>gRPC keeps it as a deadline in its context, and to ask that for what is left takes another
 * look at the clock. Source: gRPC over HTTP/2, {@code Timeout}.
 */
final class CallTimeout {
  private static final Metadata.Key<String> KEY =
      Metadata.Key.of("grpc-timeout", Metadata.ASCII_STRING_MARSHALLER);
  private static final int MOST_DIGITS = 8;

  private CallTimeout() {}

  /**
   * Nanoseconds from when the call began; the greatest number when none is given that can be read.
   */
  static long nanos(Metadata headers) {
    var text = headers.get(KEY);
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
