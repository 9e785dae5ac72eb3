package io.kith.bridge.process;

import org.jspecify.annotations.Nullable;

/**
 * A mount namespace other than the host's, and what its root is made of.
 *
 * @param firstPid its oldest process when it was found
 * @param firstStartNanos after boot, rounded down to 10 ms
 * @param root device of the root file system; null when the root is not a mount point
 * @param overlay the root is an overlay: its layers tell the image from what was written since
 * @param upper the writable layer as we can reach it; null when we cannot
 */
record Container(
    String mountNamespace,
    int firstPid,
    long firstStartNanos,
    @Nullable Device root,
    boolean overlay,
    @Nullable String upper) {

  boolean beganWith(int pid, long startNanos) {
    return pid == firstPid && startNanos == firstStartNanos;
  }

  ProcFs first() {
    return ProcFs.of(firstPid);
  }

  boolean firstIsAlive() {
    var stat = first().stat();
    return stat != null && stat.startNanos() == firstStartNanos;
  }
}
