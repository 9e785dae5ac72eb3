package io.kith.bridge.ffm;

import java.util.concurrent.atomic.AtomicBoolean;

/** An open file descriptor; closing it twice is no mistake. */
public final class Descriptor implements AutoCloseable {
  private static final int O_CLOEXEC = 0x80000;

  private final int number;
  private final AtomicBoolean open = new AtomicBoolean(true);

  Descriptor(long number) {
    this.number = (int) number;
  }

  /**
   * Opens a file or folder for reading.
   *
   * @throws KernelException when that is refused
   */
  public static Descriptor open(String path) throws KernelException {
    var result = Libc.open(path, O_CLOEXEC);
    if (result < 0) {
      throw new KernelException("open " + path, -result);
    }
    return new Descriptor(result);
  }

  /** As the kernel counts. */
  public int number() {
    if (!open.get()) {
      throw new IllegalStateException("the descriptor is closed");
    }
    return number;
  }

  /**
   * Another number for the same, which is closed by whoever asks for it.
   *
   * @throws KernelException when it is closed, or too many files are open
   */
  public synchronized int duplicate() throws KernelException {
    var result = open.get() ? Libc.duplicate(number) : -Errno.EBADF;
    if (result < 0) {
      throw new KernelException("fcntl", -result);
    }
    return result;
  }

  @Override
  public synchronized void close() {
    if (open.compareAndSet(true, false)) {
      Libc.close(number);
    }
  }
}
