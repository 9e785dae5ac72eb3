package io.kith.bridge.process;

import io.kith.baselines.process.Origin;
import io.kith.bridge.ffm.FileStat;
import io.kith.bridge.ffm.KernelMemory;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Where code came from.
 *
 * <p>The root of the container's first process decides what the image is: a file system that a
 * process mounted by itself never is.
 */
final class Origins {
  private Origins() {}

  /**
   * Of an executable, as the kernel froze it.
   *
   * @param name what is executed, as far as it is known; tells memory from a deleted file
   * @param host it runs in the host's mount namespace
   * @param container null when it is not known
   */
  static Origin of(KernelImage image, String name, boolean host, @Nullable Container container) {
    if (image.inMemory()) {
      return name.startsWith("/memfd:") || !name.startsWith("/") || isDescriptor(name)
          ? Origin.MEMFD
          : Origin.DELETED;
    }
    if (image.links() == 0) {
      return Origin.DELETED;
    }
    if (host) {
      return Origin.HOST;
    }
    if (container == null || container.root() == null) {
      return Origin.UNKNOWN;
    }
    if (!image.file().device().equals(container.root())) {
      return Origin.MOUNT;
    }
    if (!image.onOverlay()) {
      return Origin.UNKNOWN;
    }
    return image.overlayUpper() ? Origin.WRITABLE_LAYER : Origin.IMAGE;
  }

  private static boolean isDescriptor(String name) {
    return name.startsWith("/dev/fd/") || name.startsWith("/proc/");
  }

  /**
   * Of an open file, from what a user of the host can see: the writable layer is asked whether it
   * has the file, and the image.
   *
   * @param mounts of the process
   */
  static Origin of(NamedFile file, MountInfo mounts, boolean host, @Nullable Container container) {
    var stat = file.stat();
    var name = file.path();
    if (file.gone()) {
      return KernelMemory.has(stat.deviceMajor(), stat.deviceMinor())
          ? Origin.MEMFD
          : Origin.DELETED;
    }
    if (host) {
      return Origin.HOST;
    }
    var mount = mounts.byId(stat.mountId());
    if (container == null || container.root() == null || mount == null) {
      return Origin.UNKNOWN;
    }
    if (!mount.device().equals(container.root())) {
      return Origin.MOUNT;
    }
    if (!container.overlay() || container.layers() == null || !mount.covers(name)) {
      return Origin.UNKNOWN;
    }
    try {
      return container.layers().originOf(mount.inFileSystem(name), file);
    } catch (IOException _) {
      return Origin.UNKNOWN;
    }
  }

  /** The device of the file system, which stat does not always show. */
  static Device device(FileStat stat, MountInfo mounts) {
    var mount = mounts.byId(stat.mountId());
    return mount == null ? new Device(stat.deviceMajor(), stat.deviceMinor()) : mount.device();
  }
}
