package io.kith.load.lab;

import io.kith.bridge.capture.CgroupRoot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The cgroups of a lab's pods: one folder of the cgroup v2 tree, in it one for each pod with one
 * for each of its containers, named as the kubelet names them. What is attached to a pod's cgroup
 * sees that pod alone.
 */
final class Cgroups {
  /** A file that every cgroup has but the root of the tree. */
  private static final String NOT_IN_THE_ROOT = "cgroup.events";

  private static final String PROCESSES = "cgroup.procs";

  /** A cgroup is busy for a moment after its last process ended. */
  private static final Duration BUSY = Duration.ofSeconds(20);

  private final @Nullable Path folder;
  private final String problem;

  private Cgroups(@Nullable Path folder, String problem) {
    this.folder = folder;
    this.problem = problem;
  }

  /**
   * Beginnings of commands: what follows them runs in the container's cgroup, or the sidecar's.
   * Empty where there are no cgroups.
   *
   * @param pod the pod's own cgroup, or null
   */
  record OfPod(List<String> container, List<String> sidecar, @Nullable Path pod) {
    /** The same pod with a container more, in place of this one. */
    OfPod another() throws IOException {
      return pod == null
          ? this
          : new OfPod(entering(Files.createDirectories(pod.resolve(containerId()))), sidecar, pod);
    }
  }

  /** Makes the folder of a lab. */
  static Cgroups of(String id) {
    try {
      var root = root();
      if (root == null) {
        return new Cgroups(
            null, "no cgroup v2 tree is mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)");
      }
      if (Files.exists(root.resolve(NOT_IN_THE_ROOT))) {
        return new Cgroups(
            null, root + " is a part of the cgroup tree only (run in the host's cgroup namespace)");
      }
      return new Cgroups(Files.createDirectory(folder(root, id)), "");
    } catch (IOException e) {
      return new Cgroups(null, "no cgroup can be made: " + e);
    }
  }

  private static Path folder(Path root, String id) {
    return root.resolve("kith-lab-" + id);
  }

  private static @Nullable Path root() throws IOException {
    return CgroupRoot.mounted().orElse(null);
  }

  /** Why pods get no cgroups of their own, in words; empty when they do. */
  String problem() {
    return problem;
  }

  OfPod addPod() throws IOException {
    if (folder == null) {
      return new OfPod(List.of(), List.of(), null);
    }
    var pod = folder.resolve("kubepods/besteffort/pod" + UUID.randomUUID());
    return new OfPod(
        entering(Files.createDirectories(pod.resolve(containerId()))),
        entering(Files.createDirectories(pod.resolve(containerId()))),
        pod);
  }

  /** The beginning of a command: what follows runs in a cgroup of the lab that is no pod's. */
  List<String> aside(String name) throws IOException {
    return folder == null ? List.of() : entering(Files.createDirectories(folder.resolve(name)));
  }

  private static String containerId() {
    return (UUID.randomUUID().toString() + UUID.randomUUID()).replace("-", "");
  }

  private static List<String> entering(Path cgroup) {
    return List.of(
        "sh",
        "-c",
        "echo 0 > \"$1\" && shift && exec \"$@\"",
        "sh",
        cgroup.resolve(PROCESSES).toString());
  }

  /** The folder of a lab; null where no tree is mounted. */
  static @Nullable Path folderOf(String id) throws IOException {
    var root = root();
    return root == null ? null : folder(root, id);
  }

  /** Ends what runs in the cgroups of a lab, and removes them. */
  static void remove(String id) throws IOException, InterruptedException {
    var folder = folderOf(id);
    if (folder == null || !Files.isDirectory(folder)) {
      return;
    }
    var kill = folder.resolve("cgroup.kill");
    if (Files.exists(kill)) { // since Linux 5.14; the lab ends its processes itself
      Files.writeString(kill, "1", StandardOpenOption.WRITE);
    }
    List<Path> innermostFirst;
    try (var all = Files.walk(folder)) {
      innermostFirst = all.filter(Files::isDirectory).sorted(Comparator.reverseOrder()).toList();
    }
    for (var cgroup : innermostFirst) {
      removeOne(cgroup);
    }
  }

  private static void removeOne(Path cgroup) throws IOException, InterruptedException {
    for (var end = System.nanoTime() + BUSY.toNanos(); ; ) {
      try {
        Files.deleteIfExists(cgroup);
        return;
      } catch (IOException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
        Thread.sleep(Duration.ofMillis(5));
      }
    }
  }
}
