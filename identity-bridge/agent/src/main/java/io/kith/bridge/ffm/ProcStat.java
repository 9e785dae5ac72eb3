package io.kith.bridge.ffm;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What {@code stat} says about one process or thread.
 *
 * <p>Source: proc_pid_stat(5).
 *
 * @param parent pid of its parent
 * @param startNanos after boot, rounded down to 10 ms
 * @param zombie whether it has ended
 * @param stack where the stack starts: another address after nearly every exec. 0 when we may not
 *     know
 */
public record ProcStat(int parent, long startNanos, boolean zombie, long stack) {
  /** Of {@code stat}, which is in clock ticks: the kernel's USER_HZ, 100 on every Linux. */
  private static final long NANOS_PER_TICK = 10_000_000;

  private static final int LINE_LIMIT = 4096;

  /**
   * Reads it.
   *
   * @param folder {@code /proc/PID}, or {@code /proc/PID/task/TID}
   * @return null when it is gone
   */
  public static @Nullable ProcStat read(String folder) {
    try {
      return parse(new String(PosixFile.head(folder + "/stat", LINE_LIMIT), UTF_8));
    } catch (IOException | RuntimeException _) {
      return null;
    }
  }

  /** The name is in parentheses and may contain parentheses, spaces and newlines itself. */
  static ProcStat parse(String line) {
    var fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
    return new ProcStat(
        Integer.parseInt(fields[1]),
        Long.parseLong(fields[19]) * NANOS_PER_TICK,
        fields[0].equals("Z") || fields[0].equals("X"),
        Long.parseUnsignedLong(fields[25]));
  }

  /** Whether an exact start time, in nanoseconds after boot, is this one. */
  public boolean startedAt(long nanos) {
    return roundedDown(nanos) == startNanos;
  }

  /** An exact start time, as {@code stat} would show it. */
  public static long roundedDown(long nanos) {
    return nanos / NANOS_PER_TICK * NANOS_PER_TICK;
  }
}
