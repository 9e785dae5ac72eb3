package io.kith.server.waiting;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** Pauses between attempts: each twice the one before up to a limit, and a random part of it. */
public final class BackOff {
  private final Duration first;
  private final Duration limit;
  private Duration ceiling;

  /** Pauses of at most {@code first}, then of at most twice that, and so on. */
  public BackOff(Duration first, Duration limit) {
    this.first = first;
    this.limit = limit;
    this.ceiling = first;
  }

  /** The next pause: from half of it to all, so that servers do not come back in step. */
  public Duration next() {
    var nanos = ceiling.toNanos();
    var doubled = ceiling.plus(ceiling);
    ceiling = doubled.compareTo(limit) > 0 ? limit : doubled;
    return Duration.ofNanos(ThreadLocalRandom.current().nextLong(nanos / 2, nanos + 1));
  }

  /** After a success. */
  public void reset() {
    ceiling = first;
  }
}
