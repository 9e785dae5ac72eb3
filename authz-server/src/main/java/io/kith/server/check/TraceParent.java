package io.kith.server.check;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The place in a trace that a caller hands on.
 *
 * <p>Source: W3C Trace Context, section 3.2, version 00 and what later versions keep of it.
 *
 * @param traceId 32 hex digits, not all zero
 * @param spanId 16 hex digits, not all zero
 * @param sampled the caller records its part
 */
public record TraceParent(String traceId, String spanId, boolean sampled) {
  private static final Pattern FORM =
      Pattern.compile("(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?");
  private static final int MAX_LENGTH = 512;

  /** Reads the header {@code traceparent}; null when it is missing or anything else. */
  public static @Nullable TraceParent parse(@Nullable String header) {
    if (header == null || header.length() > MAX_LENGTH) {
      return null;
    }
    var matcher = FORM.matcher(header);
    if (!matcher.matches() || (header.startsWith("00") && matcher.group(4) != null)) {
      return null;
    }
    var traceId = matcher.group(1);
    var spanId = matcher.group(2);
    if (isZero(traceId) || isZero(spanId)) {
      return null;
    }
    return new TraceParent(traceId, spanId, (Integer.parseInt(matcher.group(3), 16) & 1) == 1);
  }

  private static boolean isZero(String digits) {
    return digits.chars().allMatch(digit -> digit == '0');
  }
}
