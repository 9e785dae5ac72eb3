package io.kith.bridge.process;

/**
 * How a process came to be, as the kernel told it.
 *
 * @param startNanos when, after boot
 * @param execId the exec that its parent was running then; counts on with every exec of its own
 * @param parent pid of the process that called fork, whoever is named its parent later
 * @param parentStart when that began, {@link #shortened}; 0: not known
 */
public record Birth(long startNanos, long execId, int parent, int parentStart) {
  public Birth(long startNanos, long execId, int parent) {
    this(startNanos, execId, parent, 0);
  }

  /** A time after boot in 2^20 ns, the low 31 bits with bit 31 set. */
  static int shortened(long nanos) {
    return (int) (nanos >>> 20) | 1 << 31;
  }

  /** Whether it can be a process that began then that called fork. */
  boolean mayBeOf(long parentStartNanos) {
    return parentStartNanos != 0
        && parentStartNanos <= startNanos
        && (parentStart == 0 || parentStart == shortened(parentStartNanos));
  }
}
