package io.kith.bridge.container;

import io.kith.bridge.container.Placement.In;
import io.kith.bridge.container.Placement.Outside;
import io.kith.bridge.container.Placement.Unclear;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code /proc/PID/cgroup}.
 *
 * <p>Source: {@code cgroups(7)}. A process cannot write this file; {@code mountinfo} would tell as
 * much and is not read, because everybody may forge it in a mount namespace of their own.
 */
final class CgroupFile {
  /*
   * Whole paths from the root of the tree. Below a cgroup that was given to a user, or inside a
   * container, anybody makes folders of any name: what looks like a container there is none, and of
   * nested containers the outermost one counts. Whatever is below a container's cgroup is in it.
   */
  private static final String ID = "(?<id>[0-9a-f]{64})";
  private static final String SCOPE = "(?:docker|cri-containerd|crio)-" + ID + "\\.scope";
  private static final String POD =
      "pod[0-9a-f]{8}(?<s>[-_]?)[0-9a-f]{4}(?:\\k<s>[0-9a-f]{4}){2}\\k<s>[0-9a-f]{12}";
  private static final String QOS = "(?:-burstable|-besteffort)?";
  private static final List<Pattern> SHAPES =
      List.of(
          shape("/docker/" + ID),
          shape("/system\\.slice/docker-" + ID + "\\.scope"),
          shape("/libpod_parent/libpod-" + ID),
          shape(
              "/machine\\.slice/(?:machine-libpod_pod_[0-9a-f]{64}\\.slice/)?libpod-"
                  + ID
                  + "\\.scope"),
          // Kubernetes: cgroupfs, systemd, both as in kind, and a kubelet and a containerd that
          // differ
          shape("(?:/kubelet)?/kubepods(?:/burstable|/besteffort)?/" + POD + "/(?:crio-)?" + ID),
          shape(slices("kubepods") + SCOPE),
          shape("/kubelet\\.slice" + slices("kubelet-kubepods") + SCOPE),
          shape(
              "(?:/system\\.slice/containerd\\.service)?/kubepods"
                  + QOS
                  + "-"
                  + POD
                  + "\\.slice:cri-containerd:"
                  + ID));

  private static final String DELETED = " (deleted)";

  private CgroupFile() {}

  private static Pattern shape(String container) {
    return Pattern.compile(container + "(?:/.*)?");
  }

  private static String slices(String name) {
    return "/"
        + name
        + "\\.slice(?:/"
        + name
        + QOS
        + "\\.slice)?/"
        + name
        + QOS
        + "-"
        + POD
        + "\\.slice/";
  }

  /**
   * The container that the lines name.
   *
   * @param text a line {@code HIERARCHY:CONTROLLERS:PATH} for each hierarchy; empty when the
   *     process is gone
   */
  static Placement placement(String text) {
    var named = new TreeSet<String>();
    for (var line : text.split("\n", -1)) {
      var path = path(line);
      if (path != null && path.startsWith("/..")) {
        return new Unclear("the bridge is not in the cgroup namespace of the host");
      }
      var id = path == null ? null : container(path);
      if (id != null) {
        named.add(id);
      }
    }
    return switch (named.size()) {
      case 0 -> new Outside();
      case 1 -> new In(named.getFirst());
      default -> new Unclear("its cgroups are those of several containers");
    };
  }

  private static @Nullable String path(String line) {
    var parts = line.split(":", 3);
    if (parts.length < 3) {
      return null;
    }
    var path = parts[2];
    return path.endsWith(DELETED) ? path.substring(0, path.length() - DELETED.length()) : path;
  }

  private static @Nullable String container(String path) {
    return SHAPES.stream()
        .map(shape -> shape.matcher(path))
        .filter(matcher -> matcher.matches())
        .map(matcher -> matcher.group("id"))
        .filter(Objects::nonNull)
        .findFirst()
        .orElse(null);
  }
}
