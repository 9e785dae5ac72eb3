package io.kith.bridge.ffm;

import java.io.IOException;
import java.nio.file.Files;

/** File systems mounted for ourselves alone. */
public final class Mounts {
  private static final int MNT_DETACH = 2;

  private Mounts() {}

  /**
   * Opens the root of a kernel file system, such as {@code cgroup2}, that is mounted nowhere: it is
   * mounted in a temporary folder, opened, and taken away again.
   */
  public static Descriptor openRoot(String fileSystem) throws IOException, KernelException {
    var folder = Files.createTempDirectory("kith-");
    try {
      var mounted = Libc.mount(fileSystem, folder.toString(), fileSystem);
      if (mounted < 0) {
        throw new KernelException("mount " + fileSystem, -mounted);
      }
      try {
        return Descriptor.open(folder.toString());
      } finally {
        var _ = Libc.unmount(folder.toString(), MNT_DETACH);
      }
    } finally {
      Files.delete(folder);
    }
  }
}
