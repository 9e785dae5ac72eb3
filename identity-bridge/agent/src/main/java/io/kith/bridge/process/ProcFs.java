package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.bridge.ffm.PosixFile;
import io.kith.bridge.ffm.ProcStat;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code /proc} says about one process, which may vanish at any step.
 *
 * <p>Every answer is null or empty when the process is gone, or when {@code /proc} does not tell
 * us. Reads are bounded: a command line of a megabyte is cut.
 *
 * @param folder {@code /proc/PID}, or {@code /proc/PID/task/TID} when the leader has exited
 */
record ProcFs(String folder) {
  private static final int LINE_LIMIT = 4096;
  private static final int MOUNTS_LIMIT = 4 << 20;
  private static final int MAPS_LIMIT = 16 << 20;
  private static final int COMMAND_LINE_LIMIT = 128 << 10;

  /** An argument vector and whether it was cut. */
  record Arguments(List<String> words, boolean truncated) {}

  static ProcFs of(int pid) {
    return new ProcFs("/proc/" + pid);
  }

  /** Asks a thread when the leader is a zombie, of which {@code /proc} shows nothing. */
  static ProcFs of(int pid, int tid) {
    var process = of(pid);
    if (tid > 0 && tid != pid) {
      var stat = process.stat();
      if (stat != null && stat.zombie()) {
        return new ProcFs("/proc/" + pid + "/task/" + tid);
      }
    }
    return process;
  }

  /** Every process there is now. */
  static List<Integer> pids() {
    var names = new File("/proc").list();
    var pids = new ArrayList<Integer>();
    for (var name : names == null ? new String[0] : names) {
      if (!name.isEmpty() && name.chars().allMatch(c -> c >= '0' && c <= '9')) {
        pids.add(Integer.valueOf(name));
      }
    }
    return pids;
  }

  @Nullable ProcStat stat() {
    return ProcStat.read(folder);
  }

  /** Effective user id, or null. */
  @Nullable Integer uid() {
    for (var line : text("status", LINE_LIMIT).split("\n", -1)) {
      if (line.startsWith("Uid:")) {
        return Integer.parseUnsignedInt(line.split("\\s+", -1)[2]);
      }
    }
    return null;
  }

  /** Users, groups and supplementary groups; empty when not known. */
  List<String> credentials() {
    return text("status", LINE_LIMIT)
        .lines()
        .filter(
            line ->
                line.startsWith("Uid:") || line.startsWith("Gid:") || line.startsWith("Groups:"))
        .toList();
  }

  String cgroup() {
    return text("cgroup", LINE_LIMIT);
  }

  @Nullable String link(String name) {
    try {
      return PosixFile.readLink(folder + "/" + name);
    } catch (IOException _) {
      return null;
    }
  }

  PosixFile openExecutable() throws IOException {
    return PosixFile.open(folder + "/exe");
  }

  /** Opens a regular file as the process would find it. */
  PosixFile openInRoot(String path) throws IOException {
    try (var root = PosixFile.openPath(folder + "/root")) {
      return root.openRegularInRoot(path);
    }
  }

  /**
   * What is mapped, as a place: a device is not opened.
   *
   * @param range as in {@code maps}
   */
  PosixFile openMapped(String range) throws IOException {
    // A thread has none in its process's folder, and all that a process has in one of its own.
    return PosixFile.openPath(
        folder.replaceFirst("/proc/\\d+/task/", "/proc/") + "/map_files/" + range);
  }

  MountInfo mounts() {
    return MountInfo.parse(text("mountinfo", MOUNTS_LIMIT));
  }

  String maps() {
    return text("maps", MAPS_LIMIT);
  }

  /** Null when it is gone; memory that the process can write. */
  @Nullable Arguments commandLine() {
    var bytes = bytes("cmdline", COMMAND_LINE_LIMIT + 1);
    var cut = bytes.length > COMMAND_LINE_LIMIT;
    var words = words(cut ? Arrays.copyOf(bytes, COMMAND_LINE_LIMIT) : bytes);
    return words.isEmpty() ? null : new Arguments(words, cut);
  }

  private String text(String name, int limit) {
    return new String(bytes(name, limit), UTF_8);
  }

  private byte[] bytes(String name, int limit) {
    try {
      return PosixFile.head(folder + "/" + name, limit);
    } catch (IOException _) {
      return new byte[0];
    }
  }

  /** Texts that end in a zero byte each; the last may lack it. */
  static List<String> words(byte[] bytes) {
    var words = new ArrayList<String>();
    var start = 0;
    for (var i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        words.add(new String(bytes, start, i - start, UTF_8));
        start = i + 1;
      }
    }
    if (start < bytes.length) {
      words.add(new String(bytes, start, bytes.length - start, UTF_8));
    }
    return words;
  }

  /**
   * A path as the kernel shows it from outside, as the process itself names it: without the folder
   * that it was confined to by chroot.
   */
  String inside(String path) {
    var root = link("root");
    return root == null || root.equals("/") || !path.startsWith(root + "/")
        ? path
        : path.substring(root.length());
  }
}
