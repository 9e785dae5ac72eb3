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
 * @param line the arguments, with the program's own name first and a zero between two; may be cut.
 *     One text, since every letter could be an argument and an object of its own
 * @param truncated these are not all
 */
public record ExecEvent(
    ProcessKey key,
    int parent,
    @Nullable String mountNamespace,
    long cgroup,
    @Nullable KernelImage image,
    String filename,
    String interpreter,
    String line,
    boolean truncated) {
  private static final int BRIEF = 512;

  List<String> arguments() {
    return List.of(line.split("\0", -1));
  }

  /** The same with the beginning of long arguments, for those who keep many. */
  ExecEvent brief() {
    return line.length() <= BRIEF
        ? this
        : new ExecEvent(
            key,
            parent,
            mountNamespace,
            cgroup,
            image,
            filename,
            interpreter,
            line.substring(0, BRIEF),
            true);
  }
}
