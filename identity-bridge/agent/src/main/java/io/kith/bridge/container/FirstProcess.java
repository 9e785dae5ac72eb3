package io.kith.bridge.container;

import io.kith.bridge.ffm.ProcStat;
import org.jspecify.annotations.Nullable;

/**
 * The process that a container began with.
 *
 * @param pid as the host counts
 * @param startNanos after boot, rounded down to 10 ms
 */
public record FirstProcess(int pid, long startNanos) {
  /** Null when there is no such process. */
  static @Nullable FirstProcess of(int pid) {
    var stat = ProcStat.read("/proc/" + pid);
    return stat == null ? null : new FirstProcess(pid, stat.startNanos());
  }

  boolean isAlive() {
    return equals(of(pid));
  }
}
