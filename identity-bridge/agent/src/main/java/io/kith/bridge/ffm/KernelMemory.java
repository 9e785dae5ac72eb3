package io.kith.bridge.ffm;

import java.io.File;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;

/**
 * The devices of what has the form of a file and is memory: memfd, memory that is shared without a
 * file or by System V, huge pages. The kernel has file systems of its own for them, on which nobody
 * can make a name: what is on one of these devices was never a file, whatever it is called.
 *
 * <p>Source: memfd_create(2), mm/shmem.c, fs/hugetlbfs/inode.c.
 */
public final class KernelMemory {
  private static final int MFD_HUGETLB = 4;
  private static final int MFD_HUGE_SHIFT = 26;
  private static final String HUGE_PAGES = "/sys/kernel/mm/hugepages";
  private static final Set<Long> DEVICES = devices();

  private KernelMemory() {}

  public static boolean has(int major, int minor) {
    return DEVICES.contains(device(major, minor));
  }

  private static Set<Long> devices() {
    var devices = new HashSet<Long>();
    add(0, devices);
    var sizes = new File(HUGE_PAGES).list();
    for (var size : sizes == null ? new String[0] : sizes) { // hugepages-2048kB
      var bytes = Long.parseLong(size.replaceAll("\\D", "")) << 10;
      add(MFD_HUGETLB | Long.numberOfTrailingZeros(bytes) << MFD_HUGE_SHIFT, devices);
    }
    return Set.copyOf(devices);
  }

  private static void add(int flags, Set<Long> devices) {
    try (var memory = PosixFile.inMemory(flags)) {
      var stat = memory.stat();
      devices.add(device(stat.deviceMajor(), stat.deviceMinor()));
    } catch (IOException _) {
      // The kernel has none of this kind, and so has nobody.
    }
  }

  private static long device(int major, int minor) {
    return (long) major << 32 | minor;
  }
}
