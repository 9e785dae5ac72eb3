package io.kith.bridge.process;

/**
 * How a process came to be, as the kernel told it.
 *
 * @param startNanos when, after boot
 * @param execId the exec that its parent was running then; counts on with every exec of its own
 * @param parent pid of the process that called fork, whoever is named its parent later
 */
public record Birth(long startNanos, long execId, int parent) {
  /** Whether it can be a process that began then that called fork. */
  boolean mayBeOf(long parentStartNanos) {
    return parentStartNanos != 0 && parentStartNanos <= startNanos;
  }
}
