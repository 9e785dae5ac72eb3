package io.kith.bridge.process;

import io.kith.bridge.ffm.ProcStat;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a process is at one moment, as far as an attestor looks at it. Equal states before and after
 * something else was done mean that it was done to this process.
 *
 * @param startNanos after boot, rounded down to 10 ms
 * @param stack where the stack starts, which tells an exec of the same file from none
 * @param image its executable
 * @param credentials its users and groups
 * @param cgroup as in {@code /proc/PID/cgroup}
 */
public record ProcessState(
    long startNanos, long stack, FileId image, List<String> credentials, String cgroup) {
  public ProcessState {
    credentials = List.copyOf(credentials);
  }

  /** Null when it is gone, a zombie, or not for us to look into (CAP_SYS_PTRACE). */
  public static @Nullable ProcessState read(int pid) {
    var process = ProcFs.of(pid);
    var stat = process.stat();
    if (stat == null || stat.zombie()) {
      return null;
    }
    try (var executable = process.openExecutable()) {
      var file = executable.stat();
      var image = FileId.of(file, Origins.device(file, process.mounts()));
      return new ProcessState(
          stat.startNanos(), stat.stack(), image, process.credentials(), process.cgroup());
    } catch (IOException _) {
      return null;
    }
  }

  /** Whether the process that was seen is this one and runs the same program still. */
  public boolean isOf(Sighting seen) {
    var start = seen.key().startNanos();
    var then = seen.image();
    return (start == 0 || ProcStat.roundedDown(start) == startNanos)
        && (then == null
            || (then.file().device().equals(image.device())
                && then.file().inode() == image.inode()));
  }
}
