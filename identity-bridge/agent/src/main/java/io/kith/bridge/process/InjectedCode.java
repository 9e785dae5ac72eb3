package io.kith.bridge.process;

import io.kith.bridge.ffm.PosixFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Files that a process has mapped as code and that are not from its image. Asked at the Check,
 * since libraries come and go; an answer is kept for a second. Thread-safe.
 */
final class InjectedCode {
  private static final int CAPACITY = 4096;
  private static final int MAX_REPORTED = 16;
  private static final long FRESH_NANOS = 1_000_000_000;

  private final LongSupplier nanoTime;
  private final BoundedMap<ProcessKey, Answer> answers = new BoundedMap<>(CAPACITY);

  private record Answer(List<String> paths, long atNanos) {}

  InjectedCode(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Paths in the order of the mappings; empty when it is gone.
   *
   * @param executable the executable itself, which is not counted
   */
  List<String> of(
      ProcessKey key, int tid, @Nullable FileId executable, @Nullable Container container) {
    if (container == null || !container.overlay()) {
      return List.of(); // without an image nothing is foreign
    }
    var now = nanoTime.getAsLong();
    var before = answers.get(key);
    if (before != null && now - before.atNanos() < FRESH_NANOS) {
      return before.paths();
    }
    var process = ProcFs.of(key.pid(), tid);
    var stat = ProcFs.of(key.pid()).stat();
    if (stat == null || (key.startNanos() != 0 && !stat.startedAt(key.startNanos()))) {
      return before == null ? List.of() : before.paths();
    }
    var found = look(process, key.pid(), executable, container);
    answers.put(key, new Answer(found, now));
    return found;
  }

  private static List<String> look(
      ProcFs process, int pid, @Nullable FileId executable, Container container) {
    var mounts = process.mounts();
    var found = new ArrayList<String>();
    for (var code : MemoryMaps.code(process.maps())) {
      var path =
          found.size() < MAX_REPORTED
              ? foreign(process, pid, code, mounts, executable, container)
              : null;
      if (path != null) {
        found.add(path);
      }
    }
    return List.copyOf(found);
  }

  /** Its path when it is not of the image. */
  private static @Nullable String foreign(
      ProcFs process,
      int pid,
      MemoryMaps.Code code,
      MountInfo mounts,
      @Nullable FileId executable,
      Container container) {
    try (var file = open(process, pid, code)) {
      var named = NamedFile.of(file, process);
      var stat = named.stat();
      if (executable != null
          && stat.inode() == executable.inode()
          && Origins.device(stat, mounts).equals(executable.device())) {
        return null;
      }
      return switch (Origins.of(named, mounts, false, container)) {
        case WRITABLE_LAYER, MOUNT, DELETED, HOST -> named.path();
        case IMAGE, MEMFD, UNKNOWN -> null;
      };
    } catch (IOException _) {
      var shown = NamedFile.withoutDeleted(code.path());
      return shown.equals(code.path()) ? null : process.inside(shown);
    }
  }

  /** The mapped file itself where we may have it, else what has its name now. */
  private static PosixFile open(ProcFs process, int pid, MemoryMaps.Code code) throws IOException {
    try {
      return PosixFile.open("/proc/" + pid + "/map_files/" + code.range());
    } catch (IOException _) {
      return process.openInRoot(process.inside(code.path()));
    }
  }
}
