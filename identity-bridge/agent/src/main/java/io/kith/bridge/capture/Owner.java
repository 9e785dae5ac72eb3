package io.kith.bridge.capture;

import org.jspecify.annotations.Nullable;

/**
 * A process that opened a socket, as the kernel saw it at that moment.
 *
 * @param pid as the host counts
 * @param tid the thread
 * @param uid as the host counts; -1 when not known
 * @param gid as the host counts; -1 when not known
 * @param startNanos when the process started, after boot; 0 when not known
 * @param execId changes with every exec; 0 when not known
 * @param image the executable; null when the kernel could not say
 * @param comm name of the thread; the process chooses it, so it is for people only
 * @param cgroup id of its cgroup v2
 * @param parent pid of the parent; 0 when not known
 * @param mountNamespace number of its mount namespace; 0 when not known
 * @param connectNanos when it connected, after boot; 0 when not known
 * @param closeNanos when its end was closed, after boot; 0 while it is open
 * @param senderPid the process that sent the first packet; 0 when not known
 */
public record Owner(
    int pid,
    int tid,
    int uid,
    int gid,
    long startNanos,
    long execId,
    @Nullable ImageId image,
    String comm,
    long cgroup,
    int parent,
    long mountNamespace,
    long connectNanos,
    long closeNanos,
    int senderPid) {

  /** Whether the same process opened it, running the same program, and the same one sent. */
  boolean isSameSender(Owner other) {
    return pid == other.pid
        && uid == other.uid
        && startNanos == other.startNanos
        && execId == other.execId
        && senderPid == other.senderPid;
  }

  /** A process that holds a socket now, of which nothing else is known. */
  static Owner holder(int pid, int uid) {
    return new Owner(pid, pid, uid, -1, 0, 0, null, "", 0, 0, 0, 0, 0, 0);
  }
}
