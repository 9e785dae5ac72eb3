package io.kith.bridge.guard;

import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The cgroups of pods, in the cgroup v2 tree.
 *
 * <p>Kubernetes gives a pod one cgroup with one below it for each container: the guard is attached
 * to the pod's, so that a container is guarded before its first process runs. Elsewhere it is
 * attached to the cgroup of each process, when nobody outside the pod is in it.
 */
final class PodCgroups {
  // kubepods-besteffort-pod2f0c….slice (systemd) or kubepods/besteffort/pod2f0c-… (cgroupfs)
  private static final Pattern POD =
      Pattern.compile(
          "(?:kubepods(?:-[a-z]+)?-)?pod[0-9a-f]{8}([-_])[0-9a-f]{4}(?:\\1[0-9a-f]{4}){2}\\1[0-9a-f]{12}(?:\\.slice)?");

  private static final Path PROC = Path.of("/proc");
  private static final String VERSION_2 = "0::";

  /** What stands in a text for bytes that are none. */
  private static final char NO_TEXT = '\ufffd';

  private final Path root;
  private final IntFunction<String> cgroups;
  private final String hostNetwork;
  private final String ownNetwork;

  /**
   * @param root of the cgroup v2 tree; stays open
   * @param cgroups what {@code /proc/PID/cgroup} of the host says
   */
  PodCgroups(Descriptor root, IntFunction<String> cgroups) {
    this.cgroups = cgroups;
    this.root = Path.of("/proc/self/fd/" + root.number());
    this.hostNetwork = network(PROC.resolve("1"));
    this.ownNetwork = network(PROC.resolve("self"));
  }

  /**
   * Where a pod's processes are.
   *
   * @param guarded cgroups to attach to, by id
   * @param own cgroups that its processes are in, by id
   * @param problem why some cannot be guarded, or empty
   */
  record Found(Map<Long, Path> guarded, Set<Long> own, String problem) {
    Found {
      guarded = Map.copyOf(guarded);
      own = Set.copyOf(own);
    }
  }

  /** The cgroups of a pod with these processes. */
  Found of(List<Integer> pids) {
    var paths = new HashSet<String>();
    for (var pid : pids) {
      var path = cgroup(pid);
      if (path != null) {
        paths.add(path);
      }
    }
    var own = new HashSet<Long>();
    var guarded = new HashMap<Long, Path>();
    var problem = "";
    for (var path : paths) {
      own.add(id(place(path)));
      var cut = podOf(path);
      var place = place(cut == null ? path : cut);
      if (path.equals("/")) {
        problem = "processes of it are in the root of the cgroup tree, where every process is";
      } else if (place == null) {
        problem = "its cgroup " + path + " has a name that cannot be read, and is not guarded";
      } else if (cut == null && isShared(place)) {
        problem = "its cgroup " + path + " is the host's as well";
      } else {
        guarded.put(id(place), place);
      }
    }
    guarded.remove(0L); // gone meanwhile
    own.remove(0L);
    return new Found(withoutNested(guarded), own, problem);
  }

  /** Null where it has a name that is no text here: whoever makes a cgroup may give it any. */
  private @Nullable Path place(String path) {
    try {
      return path.indexOf(NO_TEXT) < 0 ? root.resolve(path.substring(1)) : null;
    } catch (InvalidPathException _) { // the locale of the bridge has not all letters
      return null;
    }
  }

  private static Map<Long, Path> withoutNested(Map<Long, Path> all) {
    var outer = new HashMap<>(all);
    outer
        .values()
        .removeIf(
            inner ->
                all.values().stream()
                    .anyMatch(other -> !inner.equals(other) && inner.startsWith(other)));
    return outer;
  }

  /** Up to the pod's own part of a path, or null. */
  static @Nullable String podOf(String path) {
    var at = 0;
    for (var part : path.split("/", -1)) {
      at += part.length();
      if (POD.matcher(part).matches()) {
        return path.substring(0, at);
      }
      at++;
    }
    return null;
  }

  private @Nullable String cgroup(int pid) {
    for (var line : cgroups.apply(pid).split("\n", -1)) {
      // A path that leads out of our view begins with /.. and is no place that we know.
      if (line.startsWith(VERSION_2 + "/") && !line.startsWith(VERSION_2 + "/..")) {
        var path = line.substring(VERSION_2.length());
        return path.endsWith(" (deleted)") ? null : path;
      }
    }
    return null;
  }

  /** The id of the cgroup that a process is in; 0 when it is gone, or in the root with the rest. */
  long idOf(int pid) {
    var path = cgroup(pid);
    return path == null || path.equals("/") ? 0 : id(place(path));
  }

  /** Whether a process of the host's network, or of ours, is in this cgroup. */
  private boolean isShared(Path cgroup) {
    try {
      for (var pid : Files.readAllLines(cgroup.resolve("cgroup.procs"))) {
        var network = network(PROC.resolve(pid));
        if (network.equals(hostNetwork) || network.equals(ownNetwork)) {
          return true;
        }
      }
      return false;
    } catch (IOException _) {
      return true; // gone, or nobody can tell
    }
  }

  private static String network(Path process) {
    try {
      return Files.readSymbolicLink(process.resolve("ns/net")).toString();
    } catch (IOException _) {
      return "";
    }
  }

  /** The id of a cgroup; 0 when there is none. */
  static long id(@Nullable Path cgroup) {
    if (cgroup == null) {
      return 0;
    }
    try {
      return (Long) Files.getAttribute(cgroup, "unix:ino");
    } catch (IOException _) {
      return 0;
    }
  }

  Descriptor open(Path cgroup) throws KernelException {
    return Descriptor.open(cgroup.toString());
  }

  /** The ids of all cgroups there are; null when that cannot be told. */
  @Nullable Set<Long> all() {
    try (var tree = Files.walk(root.resolve("."), FileVisitOption.FOLLOW_LINKS)) {
      var ids = new HashSet<Long>();
      for (var place : new ArrayList<>(tree.filter(Files::isDirectory).toList())) {
        ids.add(id(place));
      }
      ids.remove(0L);
      return ids;
    } catch (IOException | java.io.UncheckedIOException | DirectoryIteratorException _) {
      return null;
    }
  }
}
