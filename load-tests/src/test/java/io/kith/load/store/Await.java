package io.kith.load.store;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for a condition, with a limit. */
final class Await {
  private Await() {}

  static void until(String what, Duration limit, BooleanSupplier condition) {
    var end = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not within " + limit.toSeconds() + " s: " + what);
      }
      LockSupport.parkNanos(2_000_000);
    }
  }
}
