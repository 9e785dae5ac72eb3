package io.kith.server.bridge;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * When something that failed is tried again, and whether that is news: at once after the first
 * failure, and after each that follows twice as late, up to 30 s. For one thread.
 */
final class Retries {
  private static final Duration LAST_PAUSE = Duration.ofSeconds(30);
  private static final int MAX_DOUBLINGS = 5;

  private final LongSupplier nanos;
  private int failures;
  private long failed;
  private boolean said;

  /**
   * Of what has not failed yet.
   *
   * @param nanos as {@link System#nanoTime}
   */
  Retries(LongSupplier nanos) {
    this.nanos = nanos;
  }

  /** Whether it may be tried now. */
  boolean areDue() {
    return failures < 2 || nanos.getAsLong() - failed >= pause().toNanos();
  }

  private Duration pause() {
    var doubled = Duration.ofSeconds(1L << Math.min(failures - 1, MAX_DOUBLINGS));
    return doubled.compareTo(LAST_PAUSE) < 0 ? doubled : LAST_PAUSE;
  }

  /** It failed once more. */
  void failed() {
    failures++;
    failed = nanos.getAsLong();
  }

  /** Whether nobody has said since it went well that it fails; from now on somebody has. */
  boolean isNews() {
    var before = said;
    said = true;
    return !before;
  }

  /**
   * It went well.
   *
   * @return whether somebody has said that it fails
   */
  boolean wentWell() {
    var before = said;
    failures = 0;
    said = false;
    return before;
  }
}
