package io.kith.bridge.capture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where the cgroup v2 tree is mounted, on hosts that have it beside v1 as well. */
final class CgroupRoot {
  private static final Path MOUNTS = Path.of("/proc/self/mounts");

  private CgroupRoot() {}

  static final class NotFoundException extends Exception {
    private static final long serialVersionUID = 1L;

    NotFoundException(String message) {
      super(message);
    }
  }

  static Path find() throws NotFoundException {
    try {
      return of(Files.readString(MOUNTS));
    } catch (IOException e) {
      throw new NotFoundException(MOUNTS + " cannot be read: " + e.getMessage());
    }
  }

  static Path of(String mounts) throws NotFoundException {
    return mounts
        .lines()
        .map(line -> line.split(" ", -1))
        .filter(fields -> fields.length > 2 && fields[2].equals("cgroup2"))
        .map(fields -> Path.of(fields[1].replace("\\040", " ")))
        .findFirst()
        .orElseThrow(
            () ->
                new NotFoundException(
                    "no cgroup v2 tree is mounted (mount one: mount -t cgroup2 none"
                        + " /sys/fs/cgroup/unified, or name one: bridge.cgroup)"));
  }
}
