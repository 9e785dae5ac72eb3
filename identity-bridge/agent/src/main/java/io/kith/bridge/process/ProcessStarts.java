package io.kith.bridge.process;

import io.kith.bridge.ffm.BootClock;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** When processes started, by the clock on the wall. */
public final class ProcessStarts {
  private ProcessStarts() {}

  /**
   * When the oldest of these processes started, to 10 ms, as {@code /proc/PID/stat} says it in time
   * after boot; null when all of them are gone.
   */
  public static @Nullable Instant oldest(List<Integer> pids) {
    var oldest =
        pids.stream()
            .map(pid -> ProcFs.of(pid).stat())
            .filter(Objects::nonNull)
            .mapToLong(stat -> Objects.requireNonNull(stat).startNanos())
            .min();
    return oldest.isEmpty()
        ? null
        : Instant.now().minusNanos(BootClock.nanos() - oldest.getAsLong());
  }
}
