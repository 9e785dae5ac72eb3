package io.kith.bridge.process;

import org.jspecify.annotations.Nullable;

/**
 * A mount namespace other than the host's, and what its root is made of.
 *
 * @param firstPid its oldest process when it was found
 * @param firstStartNanos after boot, rounded down to 10 ms
 * @param firstStack where that one's stack starts: another place after an exec
 * @param root device of the root file system; null when the root is not a mount point
 * @param overlay the root is an overlay: its layers tell the image from what was written since
 * @param layers as we can reach them; null when we cannot
 */
record Container(
    String mountNamespace,
    int firstPid,
    long firstStartNanos,
    long firstStack,
    @Nullable Device root,
    boolean overlay,
    @Nullable Layers layers) {

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

  /** The same container, whose first process has called exec since it was found. */
  Container after(long stack) {
    return new Container(mountNamespace, firstPid, firstStartNanos, stack, root, overlay, layers);
  }
}
