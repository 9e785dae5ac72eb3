package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;

/**
 * A process held by more than its number: while it has not {@link #ended}, its pid is nobody
 * else's.
 *
 * <p>Source: pidfd_open(2), Linux 5.3.
 */
public final class Pidfd implements AutoCloseable {
  private static final short POLLIN = 1;

  private final Descriptor descriptor;

  private Pidfd(Descriptor descriptor) {
    this.descriptor = descriptor;
  }

  /**
   * Of a process that there is now.
   *
   * @throws KernelException when there is none
   */
  public static Pidfd open(int pid) throws KernelException {
    var result = Libc.openPidfd(pid);
    if (result < 0) {
      throw new KernelException("pidfd_open " + pid, (int) -result);
    }
    return new Pidfd(new Descriptor(result));
  }

  /** Whether it has exited; it may be a zombie still. */
  public boolean ended() {
    try (var arena = Arena.ofConfined()) {
      var waited = arena.allocate(8, 4); // struct pollfd: int fd, short events, short revents
      waited.set(JAVA_INT, 0, descriptor.number());
      waited.set(JAVA_SHORT, 4, POLLIN);
      return Libc.poll(waited, 1, 0) != 0;
    }
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
