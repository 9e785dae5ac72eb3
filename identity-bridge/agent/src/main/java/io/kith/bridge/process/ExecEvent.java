package io.kith.bridge.process;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A successful exec, as the kernel told it.
 *
 * @param parent pid of the parent; 0: not known
 * @param mountNamespace as {@code mnt:[4026531841]}; null when not known
 * @param cgroup id of its cgroup v2; 0 when not known
 * @param image null when the kernel could not be read
 * @param filename what was executed: a program or a script
 * @param interpreter what runs: other than {@code filename} for a script
 * @param arguments with the program's own name first; may be cut
 * @param truncated {@code arguments} are not all
 */
public record ExecEvent(
    ProcessKey key,
    int parent,
    @Nullable String mountNamespace,
    long cgroup,
    @Nullable KernelImage image,
    String filename,
    String interpreter,
    List<String> arguments,
    boolean truncated) {
  public ExecEvent {
    arguments = List.copyOf(arguments);
  }
}
