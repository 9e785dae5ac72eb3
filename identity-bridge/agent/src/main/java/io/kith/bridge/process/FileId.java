package io.kith.bridge.process;

import io.kith.bridge.ffm.FileStat;

/**
 * One state of one file: other content has another one.
 *
 * <p>Inode and device alone are not enough: a copy-up into the writable layer of an overlay keeps
 * both.
 *
 * @param major of the file system's device, as in {@code mountinfo}
 * @param changedNanos below one second
 */
public record FileId(
    int major, int minor, long inode, long changedSeconds, int changedNanos, long size) {
  /** Above it the kernel keeps a flag of its own (multigrain timestamps, Linux 6.13). */
  static final int NANOS = 0x3fff_ffff;

  public FileId {
    changedNanos &= NANOS;
  }

  /** From what {@code stat} says and the device of the file system that the file is on. */
  static FileId of(FileStat stat, Device device) {
    return new FileId(
        device.major(),
        device.minor(),
        stat.inode(),
        stat.changedSeconds(),
        stat.changedNanos(),
        stat.size());
  }

  Device device() {
    return new Device(major, minor);
  }
}
