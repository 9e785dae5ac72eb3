package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * Attributes of a file, as {@code statx} gives them.
 *
 * <pre>
 *  offset  struct statx        offset  struct statx
 *    16    u32 nlink            104    u32 ctime.nsec
 *    28    u16 mode             136    u32 dev_major
 *    32    u64 ino              140    u32 dev_minor
 *    40    u64 size             144    u64 mnt_id
 *    96    s64 ctime.sec
 * </pre>
 *
 * @param deviceMajor of the device that {@code stat} shows, which for overlayfs and btrfs need not
 *     be that of the file system: {@code mountId} leads to the latter
 * @param mountId as in {@code mountinfo}; 0 before Linux 5.8
 */
public record FileStat(
    int mode,
    int links,
    int deviceMajor,
    int deviceMinor,
    long inode,
    long size,
    long changedSeconds,
    int changedNanos,
    long mountId) {
  private static final int TYPE = 0xf000;
  private static final int REGULAR = 0x8000;
  private static final int FOLDER = 0x4000;
  private static final int CHARACTER_DEVICE = 0x2000;
  private static final long MNT_ID = 0x1000;

  static FileStat of(MemorySegment statx) {
    return new FileStat(
        statx.get(JAVA_SHORT, 28) & 0xffff,
        statx.get(JAVA_INT, 16),
        statx.get(JAVA_INT, 136),
        statx.get(JAVA_INT, 140),
        statx.get(JAVA_LONG, 32),
        statx.get(JAVA_LONG, 40),
        statx.get(JAVA_LONG, 96),
        statx.get(JAVA_INT, 104),
        (statx.get(JAVA_INT, 0) & MNT_ID) == 0 ? 0 : statx.get(JAVA_LONG, 144));
  }

  public boolean isRegular() {
    return (mode & TYPE) == REGULAR;
  }

  public boolean isFolder() {
    return (mode & TYPE) == FOLDER;
  }

  public boolean isCharacterDevice() {
    return (mode & TYPE) == CHARACTER_DEVICE;
  }

  /** Size and time of the last change, which nobody can choose: other content has others. */
  public boolean isAsOldAs(FileStat other) {
    return size == other.size
        && changedSeconds == other.changedSeconds
        && changedNanos == other.changedNanos;
  }
}
