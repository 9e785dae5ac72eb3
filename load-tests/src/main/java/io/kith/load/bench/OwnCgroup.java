package io.kith.load.bench;

import io.kith.bridge.capture.CgroupRoot;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A cgroup with this process alone in it, so that what is attached there counts nobody else's
 * connections.
 */
final class OwnCgroup implements AutoCloseable {
  private static final String VERSION_2 = "0::";

  private final Path folder;
  private final Path before;

  private OwnCgroup(Path folder, Path before) {
    this.folder = folder;
    this.before = before;
  }

  static OwnCgroup enter() throws IOException {
    var root =
        CgroupRoot.mounted()
            .orElseThrow(
                () ->
                    new IOException(
                        "no cgroup v2 tree is mounted (mount one: mount -t cgroup2 none"
                            + " /sys/fs/cgroup/unified)"));
    var before =
        Files.readAllLines(Path.of("/proc/self/cgroup")).stream()
            .filter(line -> line.startsWith(VERSION_2 + "/"))
            .map(line -> root.resolve(line.substring(VERSION_2.length() + 1)))
            .findFirst()
            .orElse(root);
    var folder = root.resolve("kith-bench-" + ProcessHandle.current().pid());
    Files.createDirectory(folder);
    move(folder);
    return new OwnCgroup(folder, before);
  }

  private static void move(Path to) throws IOException {
    Files.writeString(to.resolve("cgroup.procs"), ProcessHandle.current().pid() + "\n");
  }

  /** A descriptor of it, to attach to; the caller's to close. */
  Descriptor open() throws IOException {
    try {
      return Descriptor.open(folder.toString());
    } catch (KernelException e) {
      throw new IOException(folder + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() throws IOException {
    move(before);
    Files.delete(folder);
  }
}
