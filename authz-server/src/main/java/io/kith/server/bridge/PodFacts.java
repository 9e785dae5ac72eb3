package io.kith.server.bridge;

import io.kith.bridge.v1.Pod;
import io.kith.server.check.Untrusted;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a bridge says of a pod's life, as far as it can be believed.
 *
 * @param started not after the moment it was read, or null when not known
 * @param imageDigest null when not known
 */
record PodFacts(@Nullable Instant started, @Nullable String imageDigest) {
  static final PodFacts NONE = new PodFacts(null, null);

  /** Clocks of nodes may be ahead by so much; what started by such a clock started now. */
  static final Duration AHEAD = Duration.ofMinutes(1);

  private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");

  /**
   * Reads a message; what cannot be is left out.
   *
   * @param problems gets words about what is left out
   */
  static PodFacts read(Pod pod, Instant now, List<String> problems) {
    var digest = pod.getImageDigest();
    if (!digest.isEmpty() && !DIGEST.matcher(digest).matches()) {
      problems.add(
          "pod "
              + Untrusted.quoted(pod.getId())
              + ": image digest "
              + Untrusted.quoted(digest)
              + " (expected: sha256: and 64 hex digits)");
      digest = "";
    }
    return new PodFacts(started(pod, now, problems), digest.isEmpty() ? null : digest);
  }

  private static @Nullable Instant started(Pod pod, Instant now, List<String> problems) {
    var millis = pod.getStartedUnixMillis();
    if (millis == 0) {
      return null;
    }
    if (millis < 0 || millis > now.plus(AHEAD).toEpochMilli()) {
      problems.add(
          "pod "
              + Untrusted.quoted(pod.getId())
              + ": started "
              + Instant.ofEpochMilli(millis)
              + " (expected: after 1970 and not after now; the clock of the node is wrong)");
      return null;
    }
    var started = Instant.ofEpochMilli(millis);
    return started.isAfter(now) ? now : started;
  }
}
