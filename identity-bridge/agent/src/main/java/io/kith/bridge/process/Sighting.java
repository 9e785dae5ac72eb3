package io.kith.bridge.process;

import org.jspecify.annotations.Nullable;

/**
 * A process seen at a socket.
 *
 * @param tid the thread; its {@code /proc} entry answers when the leader is a zombie. 0: not known
 * @param uid effective user id at connect; negative: not known
 * @param parent pid of the parent at connect; 0: not known
 * @param mountNamespace as {@code mnt:[4026531841]}; null when not known
 * @param image the executable at connect; null below rung A
 */
public record Sighting(
    ProcessKey key,
    int tid,
    int uid,
    int parent,
    @Nullable String mountNamespace,
    @Nullable KernelImage image) {

  /** A holder of a socket, of which only the pid is known (rung C). */
  public static Sighting holder(int pid) {
    return new Sighting(new ProcessKey(pid, 0, 0), 0, -1, 0, null, null);
  }
}
