package io.kith.server.cli;

import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A value that costs something, and is made anew only when it is older than a while. */
final class Lately<T> implements Supplier<T> {
  private final long nanos;
  private final Supplier<T> source;
  private @Nullable T value;
  private long madeAt;

  Lately(Duration atMost, Supplier<T> source) {
    this.nanos = atMost.toNanos();
    this.source = source;
  }

  @Override
  public synchronized T get() {
    var now = System.nanoTime();
    var known = value;
    if (known != null && now - madeAt < nanos) {
      return known;
    }
    var made = source.get();
    value = made;
    madeAt = now;
    return made;
  }
}
