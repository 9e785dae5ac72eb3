package io.kith.bridge.process;

import io.kith.bridge.ffm.FileStat;
import io.kith.bridge.ffm.PosixFile;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/**
 * An open file and the name that a process has for it. What it is and how it is called cannot be
 * asked in one question, and whoever owns the file may rename it meanwhile.
 *
 * @param path inside the root of the process, without the kernel's mark of a deleted name
 * @param gone the name leads to it no more, though another link may
 * @param since when it was looked at, by the clock of its file system
 */
record NamedFile(PosixFile file, FileStat stat, String path, boolean gone, Instant since) {
  private static final String DELETED = " (deleted)";

  /** How late a file system's clock may be; its ticks are ten milliseconds at most. */
  private static final Duration TICK = Duration.ofMillis(50);

  private static final Clock CLOCK = Clock.systemUTC();

  /** Opens a regular file as a process would find it. */
  static NamedFile open(ProcFs process, String path) throws IOException {
    var file = process.openInRoot(path);
    try {
      return of(file, process);
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /** Of a file that stays the caller's. */
  static NamedFile of(PosixFile file, ProcFs process) throws IOException {
    var since = CLOCK.instant();
    var stat = file.stat();
    var name = process.inside(file.name()); // asked last, so that it knows of what stat knows
    var gone = stat.links() == 0 || (name.endsWith(DELETED) && !leadsTo(process, name, stat));
    return new NamedFile(file, stat, gone ? withoutDeleted(name) : name, gone, since);
  }

  /** A file may really be named so. */
  private static boolean leadsTo(ProcFs process, String name, FileStat wanted) {
    try (var file = process.openInRoot(name)) {
      var found = file.stat();
      return found.inode() == wanted.inode() && found.mountId() == wanted.mountId();
    } catch (IOException _) {
      return false;
    }
  }

  /**
   * Whether the name was its name from the look until now: to give a file another one, or to remove
   * one, is a change of it.
   */
  boolean stayed() throws IOException {
    var now = file.stat();
    var changed = Instant.ofEpochSecond(now.changedSeconds(), now.changedNanos() & FileId.NANOS);
    return changed.isBefore(since.minus(TICK)) || changed.isAfter(CLOCK.instant().plus(TICK));
  }

  /** For what has no file any more; where a file is really named so it is for display only. */
  static String withoutDeleted(String name) {
    return name.endsWith(DELETED) ? name.substring(0, name.length() - DELETED.length()) : name;
  }
}
