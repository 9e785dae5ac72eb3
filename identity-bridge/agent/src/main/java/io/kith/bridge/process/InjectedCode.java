package io.kith.bridge.process;

import io.kith.baselines.process.Origin;
import io.kith.bridge.ffm.PosixFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
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

  /**
   * What was found.
   *
   * @param stack where the stack started: another address after an exec
   */
  private record Answer(List<String> paths, long stack, long atNanos) {}

  InjectedCode(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Paths in the order of the mappings; the last answer, or empty, when it is gone.
   *
   * @param executable the executable itself, which is not counted
   */
  List<String> of(
      ProcessKey key, int tid, @Nullable FileId executable, @Nullable Container container) {
    if (container == null || !container.overlay()) {
      return List.of(); // without an image nothing is foreign
    }
    var now = nanoTime.getAsLong();
    var before = key.isDistinct() ? answers.get(key) : null;
    if (before != null && isFresh(before, now)) {
      return before.paths();
    }
    var process = ProcFs.of(key.pid(), tid);
    var stack = stack(process);
    var found = look(process, executable, container);
    var stat = ProcFs.of(key.pid()).stat();
    if (found == null
        || stat == null
        || (key.startNanos() != 0 && !stat.startedAt(key.startNanos()))) {
      return before == null ? List.of() : before.paths();
    }
    var answer =
        before == null || before.stack() == stack
            ? new Answer(found, stack, now)
            : new Answer(both(before.paths(), found), before.stack(), now);
    if (key.isDistinct()) {
      answers.put(key, answer);
    }
    return answer.paths();
  }

  /** The same without a look; null when the last one is too old, or there was none. */
  @Nullable List<String> atHand(ProcessKey key, @Nullable Container container) {
    if (container == null || !container.overlay()) {
      return List.of();
    }
    var before = answers.get(key);
    return before != null && isFresh(before, nanoTime.getAsLong()) ? before.paths() : null;
  }

  private static boolean isFresh(Answer answer, long now) {
    return now - answer.atNanos() < FRESH_NANOS;
  }

  private static long stack(ProcFs process) {
    var stat = process.stat();
    return stat == null ? 0 : stat.stack();
  }

  /** After an exec, which a process can pretend, what it had before counts as well. */
  private static List<String> both(List<String> before, List<String> now) {
    return Stream.concat(before.stream(), now.stream()).distinct().limit(MAX_REPORTED).toList();
  }

  /** Null when it has no memory any more, as a zombie. */
  private static @Nullable List<String> look(
      ProcFs process, @Nullable FileId executable, Container container) {
    var mounts = process.mounts();
    var maps = process.maps();
    if (maps.isEmpty()) {
      return null;
    }
    var found = new ArrayList<String>();
    for (var code : MemoryMaps.code(maps)) {
      var path =
          found.size() < MAX_REPORTED
              ? foreign(process, code, mounts, executable, container)
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
      MemoryMaps.Code code,
      MountInfo mounts,
      @Nullable FileId executable,
      Container container) {
    try (var file = open(process, code)) {
      var named = NamedFile.of(file, process);
      var stat = named.stat();
      if (stat.isCharacterDevice()) {
        return null; // memory of a driver, such as /dev/zero
      }
      if (executable != null
          && stat.inode() == executable.inode()
          && Origins.device(stat, mounts).equals(executable.device())) {
        return null;
      }
      return switch (Origins.of(named, mounts, false, container)) {
        case WRITABLE_LAYER, MOUNT, DELETED, HOST -> named.path();
        case IMAGE, MEMFD -> null;
        case UNKNOWN ->
            container.layers() == null || isOfTheImage(named, container.layers())
                ? null
                : named.path();
      };
    } catch (IOException _) {
      var shown = NamedFile.withoutDeleted(code.path());
      return shown.equals(code.path()) ? null : process.inside(shown);
    }
  }

  /**
   * Whether the image has a file under the name that the kernel has for it. The process's own view
   * does not tell where it has another root (chroot), or where a mount is not there any more.
   */
  private static boolean isOfTheImage(NamedFile file, Layers layers) throws IOException {
    return layers.originOf(file.file().name(), file) == Origin.IMAGE;
  }

  /** The mapped file itself where we may have it, else what has its name now. */
  private static PosixFile open(ProcFs process, MemoryMaps.Code code) throws IOException {
    try {
      return process.openMapped(code.range());
    } catch (IOException _) {
      return process.openInRoot(process.inside(code.path()));
    }
  }
}
