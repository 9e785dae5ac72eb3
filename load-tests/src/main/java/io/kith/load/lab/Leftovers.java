package io.kith.load.lab;

import io.kith.load.tools.Command;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * What a lab leaves on the machine, found by the lab's id alone, so that a run which was killed can
 * be tidied up by the next one. Each lab owns a folder under {@link #ROOT} that names its process;
 * its namespaces, its cgroups and its link carry its id.
 */
final class Leftovers {
  static final Path ROOT = Path.of("/run/kith-lab");

  private static final Path NAMESPACES = Path.of("/run/netns");
  private static final String OWNER = "owner";
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private Leftovers() {}

  /** Makes the folder of a new lab. */
  static Path claim(String id) throws IOException {
    var folder = Files.createDirectories(ROOT.resolve(id));
    Files.writeString(folder.resolve(OWNER), ownerOf(ProcessHandle.current()));
    return folder;
  }

  /** Removes what labs left behind whose process is gone. */
  static void removeOrphans() throws IOException, InterruptedException {
    if (!Files.isDirectory(ROOT)) {
      return;
    }
    try (var folders = Files.list(ROOT)) {
      for (var folder : folders.toList()) {
        if (!ownerIsAlive(folder)) {
          remove(folder.getFileName().toString());
        }
      }
    }
  }

  /** Removes all of one lab: processes, cgroups, mounts, namespaces, link, folder. */
  static void remove(String id) throws IOException, InterruptedException {
    var folder = ROOT.resolve(id);
    for (var namespace : namespaces(id)) {
      killAll(namespace);
    }
    Cgroups.remove(id);
    for (var mount : mountsBelow(folder)) {
      Command.run(LIMIT, List.of("umount", "-l", mount));
    }
    for (var namespace : namespaces(id)) {
      Command.run(LIMIT, List.of("ip", "netns", "delete", namespace));
    }
    Command.run(LIMIT, List.of("ip", "link", "delete", linkName(id)));
    ToolCache.delete(folder);
  }

  /** Name of the host's end of the lab's network: at most 15 characters. */
  static String linkName(String id) {
    return id.replace("-", "");
  }

  private static List<String> namespaces(String id) throws IOException {
    if (!Files.isDirectory(NAMESPACES)) {
      return List.of();
    }
    try (var files = Files.list(NAMESPACES)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith(id + "-"))
          .toList();
    }
  }

  private static void killAll(String namespace) throws IOException, InterruptedException {
    var pids = Command.run(LIMIT, List.of("ip", "netns", "pids", namespace)).output();
    for (var pid : pids.lines().filter(line -> line.matches("\\d+")).toList()) {
      ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  /** Innermost first. */
  private static List<String> mountsBelow(Path folder) throws IOException {
    var mounts = new ArrayList<String>();
    for (var line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
      var point = line.split(" ", -1)[4];
      if (point.startsWith(folder + "/")) {
        mounts.addFirst(point);
      }
    }
    return mounts;
  }

  private static boolean ownerIsAlive(Path folder) throws IOException {
    var file = folder.resolve(OWNER);
    if (!Files.exists(file)) {
      return false;
    }
    var owner = Files.readString(file);
    var pid = owner.split(" ", -1)[0];
    return pid.matches("\\d+")
        && ProcessHandle.of(Long.parseLong(pid))
            .filter(process -> ownerOf(process).equals(owner))
            .isPresent();
  }

  /** A process id and its start time, since ids are used again. */
  private static String ownerOf(ProcessHandle process) {
    return process.pid() + " " + process.info().startInstant().map(Object::toString).orElse("");
  }
}
