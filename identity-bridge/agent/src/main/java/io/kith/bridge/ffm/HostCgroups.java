package io.kith.bridge.ffm;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * The cgroups of processes, by their paths from the root of the host's cgroup tree. Thread-safe.
 *
 * <p>The kernel writes {@code /proc/PID/cgroup} relative to the cgroup namespace of who reads it. A
 * bridge in a container has one of its own, so a thread that has entered the one of process 1 reads
 * for it.
 */
public final class HostCgroups implements AutoCloseable {
  private static final int CLONE_NEWCGROUP = 0x0200_0000;
  private static final int LIMIT = 64 << 10;

  private final @Nullable ExecutorService inside;
  private final String problem;

  private HostCgroups(@Nullable ExecutorService inside, String problem) {
    this.inside = inside;
    this.problem = problem;
  }

  /** Enters the namespace where that is needed; {@link #problem} says when it cannot. */
  public static HostCgroups open() {
    return isHosts() ? new HostCgroups(null, "") : entered("/proc/1/ns/cgroup");
  }

  private static boolean isHosts() {
    try {
      return PosixFile.readLink("/proc/1/ns/cgroup")
          .equals(PosixFile.readLink("/proc/thread-self/ns/cgroup"));
    } catch (IOException _) {
      return true; // a kernel without them, or nobody can tell
    }
  }

  /** Reads in another cgroup namespace. */
  static HostCgroups entered(String namespace) {
    var inside =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("kith-cgroups").factory());
    try {
      var problem = inside.submit(() -> enter(namespace)).get();
      if (problem.isEmpty()) {
        return new HostCgroups(inside, "");
      }
      inside.shutdownNow();
      return new HostCgroups(null, problem);
    } catch (ExecutionException e) {
      throw new IllegalStateException("in another cgroup namespace", e.getCause());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      inside.shutdownNow();
      return new HostCgroups(null, "interrupted");
    }
  }

  /** Enters the namespace with the calling thread; returns why not, or empty. */
  private static String enter(String namespace) {
    try (var handle = Descriptor.open(namespace)) {
      var entered = Libc.setns(handle.number(), CLONE_NEWCGROUP);
      return entered == 0
          ? ""
          : "enter the host's cgroup namespace: "
              + Errno.words(-entered)
              + "; it needs CAP_SYS_ADMIN";
    } catch (KernelException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** Why the paths are not those of the host, or empty. */
  public String problem() {
    return problem;
  }

  /** What {@code /proc/PID/cgroup} says; empty when the process is gone. */
  public String of(int pid) {
    if (inside == null) {
      return read(pid);
    }
    try {
      return inside.submit(() -> read(pid)).get();
    } catch (ExecutionException | RejectedExecutionException _) {
      return ""; // closed
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return "";
    }
  }

  private static String read(int pid) {
    try {
      return new String(PosixFile.head("/proc/" + pid + "/cgroup", LIMIT), UTF_8);
    } catch (IOException _) {
      return "";
    }
  }

  @Override
  public void close() {
    if (inside != null) {
      inside.shutdownNow();
    }
  }
}
