package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The mounts that a process sees.
 *
 * <p>Shape of a line: {@code 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw};
 * space, tab, newline and backslash in names are three octal digits after a backslash. Lines of any
 * other shape are left out.
 *
 * <p>Source: proc_pid_mountinfo(5).
 */
record MountInfo(List<Mount> mounts) {
  private static final int FIXED_FIELDS = 6;

  MountInfo {
    mounts = List.copyOf(mounts);
  }

  /**
   * One mount.
   *
   * @param root the folder of the file system that is mounted
   * @param point where it is mounted, below the root of the process
   * @param upper the writable layer of an overlay, or null
   * @param lowers the layers below it, the highest first, or empty; names may be relative to a
   *     folder that the kernel does not tell
   */
  record Mount(
      long id,
      Device device,
      String root,
      String point,
      String type,
      @Nullable String upper,
      List<String> lowers) {
    Mount {
      lowers = List.copyOf(lowers);
    }

    /** A path inside the mount as a path of its file system. */
    String inFileSystem(String path) {
      var below = point.equals("/") ? path : path.substring(point.length());
      return root.equals("/") ? below : root + below;
    }

    boolean covers(String path) {
      return point.equals("/") || path.equals(point) || path.startsWith(point + "/");
    }
  }

  static MountInfo parse(String text) {
    var mounts = new ArrayList<Mount>();
    for (var line : text.split("\n", -1)) {
      var mount = mount(line);
      if (mount != null) {
        mounts.add(mount);
      }
    }
    return new MountInfo(mounts);
  }

  private static @Nullable Mount mount(String line) {
    var separator = line.indexOf(" - ");
    if (separator < 0) {
      return null;
    }
    var before = line.substring(0, separator).split(" ", -1);
    var after = line.substring(separator + 3).split(" ", -1);
    if (before.length < FIXED_FIELDS || after.length < 2) {
      return null;
    }
    var colon = before[2].indexOf(':');
    try {
      return new Mount(
          Long.parseLong(before[0]),
          new Device(
              Integer.parseInt(before[2].substring(0, Math.max(colon, 0))),
              Integer.parseInt(before[2].substring(colon + 1))),
          unescaped(before[3]),
          unescaped(before[4]),
          after[0],
          after[0].equals("overlay") && after.length > 2 ? upper(after[2]) : null,
          after[0].equals("overlay") && after.length > 2 ? lowers(after[2]) : List.of());
    } catch (NumberFormatException _) {
      return null;
    }
  }

  /**
   * The kernel escapes a comma of the path with a backslash, and mountinfo that backslash again.
   */
  private static @Nullable String upper(String options) {
    for (var option : options.split(",", -1)) {
      if (option.startsWith("upperdir=")) {
        var path = unescaped(option.substring("upperdir=".length()));
        return path.startsWith("/") && path.indexOf('\\') < 0 ? path : null;
      }
    }
    return null;
  }

  /** All in one option, or each in its own; those that hold data without names are no layers. */
  private static List<String> lowers(String options) {
    var layers = new ArrayList<String>();
    for (var option : options.split(",", -1)) {
      if (option.startsWith("lowerdir=")) {
        for (var layer : option.substring("lowerdir=".length()).split(":", -1)) {
          layers.add(unescaped(layer));
        }
      } else if (option.startsWith("lowerdir+=")) {
        layers.add(unescaped(option.substring("lowerdir+=".length())));
      }
    }
    return layers.stream().allMatch(layer -> !layer.isEmpty() && layer.indexOf('\\') < 0)
        ? layers
        : List.of();
  }

  /** What is mounted at the root of the process; null when its root is not a mount point. */
  @Nullable Mount root() {
    Mount root = null;
    for (var mount : mounts) {
      if (mount.point().equals("/")) {
        root = mount; // a later one hides the earlier
      }
    }
    return root;
  }

  @Nullable Mount byId(long id) {
    for (var mount : mounts) {
      if (mount.id() == id) {
        return mount;
      }
    }
    return null;
  }

  /** Undoes the octal escapes of {@code /proc}. */
  static String unescaped(String text) {
    if (text.indexOf('\\') < 0) {
      return text;
    }
    var bytes = text.getBytes(UTF_8);
    var plain = new byte[bytes.length];
    var length = 0;
    for (var i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\\' && i + 3 < bytes.length && octal(bytes, i + 1)) {
        plain[length++] =
            (byte) ((bytes[i + 1] - '0') << 6 | (bytes[i + 2] - '0') << 3 | (bytes[i + 3] - '0'));
        i += 3;
      } else {
        plain[length++] = bytes[i];
      }
    }
    return new String(plain, 0, length, UTF_8);
  }

  private static boolean octal(byte[] bytes, int from) {
    for (var i = from; i < from + 3; i++) {
      if (bytes[i] < '0' || bytes[i] > '7') {
        return false;
      }
    }
    return bytes[from] <= '3';
  }
}
