package io.kith.server.check;

import org.jspecify.annotations.Nullable;

/**
 * The place in a trace that a caller hands on.
 *
 * <p>Source: W3C Trace Context, section 3.2, version 00 and what later versions keep of it.
 *
 * @param traceId 32 hex digits, not all zero
 * @param spanId 16 hex digits, not all zero
 * @param sampled the caller records its part
 * @param state the header {@code tracestate} as it was kept, of vendors' own, to be read; may be
 *     empty
 */
public record TraceParent(String traceId, String spanId, boolean sampled, String state) {
  // 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, and more after a dash in later
  // versions
  private static final int TRACE = 3;
  private static final int SPAN = 36;
  private static final int FLAGS = 53;
  private static final int LENGTH = 55;
  private static final int MAX_LENGTH = 512;

  /**
   * Reads the header {@code traceparent}; null when it is missing or anything else.
   *
   * @param state the header {@code tracestate}, empty when it is missing
   */
  public static @Nullable TraceParent parse(@Nullable String header, String state) {
    if (header == null
        || header.length() < LENGTH
        || header.length() > MAX_LENGTH
        || !Ids.isHex(header, 0, TRACE - 1)
        || !Ids.isHex(header, TRACE, SPAN - 1)
        || !Ids.isHex(header, SPAN, FLAGS - 1)
        || !Ids.isHex(header, FLAGS, LENGTH)
        || !hasDashes(header)
        || header.startsWith("ff")
        || (header.startsWith("00") && header.length() > LENGTH)
        || isZero(header, TRACE, SPAN - 1)
        || isZero(header, SPAN, FLAGS - 1)) {
      return null;
    }
    return new TraceParent(
        header.substring(TRACE, SPAN - 1),
        header.substring(SPAN, FLAGS - 1),
        (Character.digit(header.charAt(LENGTH - 1), 16) & 1) == 1,
        state);
  }

  private static boolean hasDashes(String header) {
    return header.charAt(TRACE - 1) == '-'
        && header.charAt(SPAN - 1) == '-'
        && header.charAt(FLAGS - 1) == '-'
        && (header.length() == LENGTH || header.charAt(LENGTH) == '-');
  }

  private static boolean isZero(String text, int from, int to) {
    for (var i = from; i < to; i++) {
      if (text.charAt(i) != '0') {
        return false;
      }
    }
    return true;
  }
}
