package io.kith.bridge.process;

/**
 * One run of one program on this node; a reused pid or an exec is another one.
 *
 * @param pid as the host sees it
 * @param startNanos nanoseconds after boot
 * @param execId changes with every exec; a forked child has that of its parent. 0: not known
 */
public record ProcessKey(int pid, long startNanos, long execId) {
  public ProcessKey {
    if (pid <= 0) {
      throw new IllegalArgumentException("pid: " + pid + " (expected: 1 or more)");
    }
  }

  /** Whether no other run of a program has this key too. */
  boolean isDistinct() {
    return startNanos != 0 && execId != 0;
  }

  /** Whether the process is there, whatever it runs by now; a zombie is. */
  boolean isAlive() {
    var stat = ProcFs.of(pid).stat();
    return stat != null && (startNanos == 0 || stat.startedAt(startNanos));
  }
}
