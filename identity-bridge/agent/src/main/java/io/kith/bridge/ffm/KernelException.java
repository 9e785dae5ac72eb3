package io.kith.bridge.ffm;

/** A system call that the kernel refused, in words. */
public final class KernelException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int errno;

  KernelException(String what, int errno) {
    super(what + ": " + Errno.words(errno));
    this.errno = errno;
  }

  public KernelException(String what, int errno, String detail) {
    super(what + ": " + Errno.words(errno) + "; " + detail);
    this.errno = errno;
  }

  /** The error number, as in errno(3). */
  public int errno() {
    return errno;
  }
}
