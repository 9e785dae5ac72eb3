package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;

/** The clock of the kernel's records: time after boot, with what the machine slept. */
public final class BootClock {
  private static final int CLOCK_BOOTTIME = 7;

  private BootClock() {}

  /** Nanoseconds after boot. */
  public static long nanos() {
    try (var arena = Arena.ofConfined()) {
      var time = arena.allocate(16, 8);
      var result = Libc.clock(CLOCK_BOOTTIME, time);
      if (result < 0) {
        throw new IllegalStateException("CLOCK_BOOTTIME: " + Errno.words(-result));
      }
      return time.get(JAVA_LONG, 0) * 1_000_000_000L + time.get(JAVA_LONG, 8);
    }
  }
}
