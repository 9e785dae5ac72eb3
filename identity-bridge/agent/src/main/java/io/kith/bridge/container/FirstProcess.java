package io.kith.bridge.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.bridge.ffm.PosixFile;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The process that a container began with.
 *
 * @param pid as the host counts
 * @param startNanos after boot, rounded down to 10 ms
 */
public record FirstProcess(int pid, long startNanos) {
  private static final int LINE_LIMIT = 4096;
  private static final int START_FIELD = 19; // of those after the name
  private static final long NANOS_PER_TICK = 10_000_000;

  /** Null when there is no such process. */
  static @Nullable FirstProcess of(int pid) {
    try {
      var line = new String(PosixFile.head("/proc/" + pid + "/stat", LINE_LIMIT), UTF_8);
      var fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
      return new FirstProcess(pid, Long.parseLong(fields[START_FIELD]) * NANOS_PER_TICK);
    } catch (IOException | RuntimeException _) {
      return null; // gone
    }
  }

  boolean isAlive() {
    return equals(of(pid));
  }
}
