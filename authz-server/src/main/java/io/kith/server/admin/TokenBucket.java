package io.kith.server.admin;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How often something may happen: a rate, and a burst after a pause. Thread-safe, without a lock.
 *
 * <p>It is the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371): one
 * number, the time at which the next event would be due at the plain rate. Bucket4j counts the
 * same, and brings stores for clusters, which nothing here needs.
 */
final class TokenBucket {
  private final long intervalNanos;
  private final long toleranceNanos;
  private final AtomicLong due;

  /**
   * A full bucket.
   *
   * @param perSecond events each second, 1 or more
   * @param burst events at once after a pause, 1 or more
   * @param nowNanos as of {@link System#nanoTime}
   */
  TokenBucket(int perSecond, int burst, long nowNanos) {
    this.intervalNanos = 1_000_000_000L / perSecond;
    this.toleranceNanos = intervalNanos * (burst - 1);
    this.due = new AtomicLong(nowNanos);
  }

  /**
   * Takes one.
   *
   * @return 0 when there was one; else the nanoseconds until there is one, and nothing is taken
   */
  long take(long nowNanos) {
    while (true) {
      var then = due.get();
      var at = then - nowNanos > 0 ? then : nowNanos;
      var wait = at - nowNanos - toleranceNanos;
      if (wait > 0) {
        return wait;
      }
      if (due.compareAndSet(then, at + intervalNanos)) {
        return 0;
      }
    }
  }
}
