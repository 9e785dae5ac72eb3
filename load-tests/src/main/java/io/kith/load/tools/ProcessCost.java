package io.kith.load.tools;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;

/** What a process costs by now, as the kernel counts. */
public final class ProcessCost {
  // Fields of /proc/PID/stat behind the name, which may hold anything.
  private static final int USER = 11;
  private static final int SYSTEM = 12;
  private static final long TICK_NANOS = 10_000_000; // USER_HZ is 100 on every architecture

  private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-[0-9a-f]+ ");

  private ProcessCost() {}

  /** Time of processors that all its threads have taken, in steps of 10 ms. */
  public static Duration processor(long pid) throws IOException {
    return processor(Files.readString(Path.of("/proc/" + pid + "/stat")));
  }

  static Duration processor(String stat) {
    var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Duration.ofNanos(
        (Long.parseLong(fields[USER]) + Long.parseLong(fields[SYSTEM])) * TICK_NANOS);
  }

  /** Memory that it has in RAM now, in MiB. */
  public static long residentMebibytes(long pid) throws IOException {
    return residentKibibytes(pid) / 1_024;
  }

  /** The same in KiB. */
  public static long residentKibibytes(long pid) throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IOException("no VmRSS of process " + pid);
  }

  /** What it has in RAM now between two addresses, in KiB; the second is behind the last. */
  public static long residentKibibytes(long pid, long from, long to) throws IOException {
    var resident = 0L;
    var within = false;
    for (var line : Files.readAllLines(Path.of("/proc/" + pid + "/smaps"))) {
      var range = MAPPING.matcher(line);
      if (range.lookingAt()) {
        var start = Long.parseUnsignedLong(range.group(1), 16);
        within = start >= from && start < to;
      } else if (within && line.startsWith("Rss:")) {
        resident += Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    return resident;
  }
}
