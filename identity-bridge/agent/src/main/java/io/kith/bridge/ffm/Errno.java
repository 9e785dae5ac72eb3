package io.kith.bridge.ffm;

/** Error numbers of Linux that Kith meets, in words. Source: errno(3). */
public final class Errno {
  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int EINTR = 4;
  static final int EBADF = 9;
  public static final int EEXIST = 17;
  static final int EINVAL = 22;

  private Errno() {}

  static String words(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM (not permitted: a capability is missing)";
      case ENOENT -> "ENOENT (no such thing)";
      case 3 -> "ESRCH (no such process)";
      case EINTR -> "EINTR (interrupted)";
      case 7 -> "E2BIG (too big)";
      case EBADF -> "EBADF (bad descriptor)";
      case 11 -> "EAGAIN (no answer in time)";
      case 12 -> "ENOMEM (no memory)";
      case 13 -> "EACCES (refused)";
      case 16 -> "EBUSY (busy)";
      case EEXIST -> "EEXIST (exists already)";
      case EINVAL -> "EINVAL (not valid for this kernel)";
      case 28 -> "ENOSPC (no space)";
      case 38 -> "ENOSYS (this kernel does not have it)";
      case 92 -> "ENOPROTOOPT (this kernel does not have it)";
      case 93 -> "EPROTONOSUPPORT (this kernel does not have it)";
      case 95 -> "EOPNOTSUPP (this kernel does not have it)";
      default -> "errno " + errno;
    };
  }
}
