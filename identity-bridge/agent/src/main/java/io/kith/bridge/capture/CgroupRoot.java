package io.kith.bridge.capture;

import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The root of the cgroup v2 tree, under which every process of the machine is; hosts with v1 have
 * it as well.
 *
 * <p>A part of the tree, as a container has it, would hide what happens elsewhere while everything
 * seems to work, so it is refused.
 */
public final class CgroupRoot {
  private static final Path MOUNTS = Path.of("/proc/self/mounts");

  /** A file that every cgroup has but the root. */
  private static final String NOT_IN_THE_ROOT = "cgroup.events";

  /** A file that every cgroup of version 2 has. */
  private static final String IN_EVERY_CGROUP = "cgroup.procs";

  private CgroupRoot() {}

  public static final class NotFoundException extends Exception {
    private static final long serialVersionUID = 1L;

    NotFoundException(String message) {
      super(message);
    }
  }

  /**
   * Opens the root: the one that was named, else the one that is mounted, else one that we mount
   * for a moment.
   */
  public static Descriptor open(@Nullable Path named) throws NotFoundException, KernelException {
    var path = named == null ? found() : Optional.of(named);
    if (path.isPresent()) {
      return Descriptor.open(checked(path.get()).toString());
    }
    try {
      return Mounts.openRoot("cgroup2");
    } catch (IOException | KernelException e) {
      throw new NotFoundException(
          "no cgroup v2 tree is mounted, and none could be: "
              + e.getMessage()
              + " (mount one: mount -t cgroup2 none /sys/fs/cgroup/unified, or name one:"
              + " bridge.cgroup)");
    }
  }

  private static Path checked(Path path) throws NotFoundException {
    if (!Files.exists(path.resolve(IN_EVERY_CGROUP))) {
      throw new NotFoundException(
          path + " is not a cgroup v2 tree (name its root: bridge.cgroup, or leave it at auto)");
    }
    if (Files.exists(path.resolve(NOT_IN_THE_ROOT))) {
      throw new NotFoundException(
          path
              + " is a part of the cgroup tree only, so most pods would not be seen (run the bridge"
              + " in the host's cgroup namespace, or mount the host's tree and name it:"
              + " bridge.cgroup)");
    }
    return path;
  }

  private static Optional<Path> found() throws NotFoundException {
    try {
      return mounted();
    } catch (IOException e) {
      throw new NotFoundException(MOUNTS + " cannot be read: " + e.getMessage());
    }
  }

  /** Where a tree of version 2, or a part of one, is mounted: the first place, if any. */
  public static Optional<Path> mounted() throws IOException {
    return of(Files.readString(MOUNTS));
  }

  static Optional<Path> of(String mounts) {
    return mounts
        .lines()
        .map(line -> line.split(" ", -1))
        .filter(fields -> fields.length > 2 && fields[2].equals("cgroup2"))
        .map(fields -> Path.of(fields[1].replace("\\040", " ")))
        .findFirst();
  }
}
