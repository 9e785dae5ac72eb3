package io.kith.load.tools;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;

/** The heap of another JVM on this machine, which is asked for it. */
public final class Jcmd {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** Of the serial collector: two generations, each with its line and its addresses. */
  private static final Pattern GENERATION =
      Pattern.compile(" total \\d+K, used (\\d+)K \\[0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)\\)");

  private Jcmd() {}

  /** Makes it collect all garbage. */
  public static void collect(long pid) throws IOException, InterruptedException {
    var _ = run(pid, "GC.run");
  }

  /**
   * A heap.
   *
   * @param usedKib by objects, garbage included
   * @param from its first address
   * @param to the address behind its last
   */
  public record Heap(long usedKib, long from, long to) {}

  /** Its heap. */
  public static Heap heap(long pid) throws IOException, InterruptedException {
    var said = run(pid, "GC.heap_info");
    var used = 0L;
    var from = Long.MAX_VALUE;
    var to = 0L;
    var generations = GENERATION.matcher(said);
    while (generations.find()) {
      used += Long.parseLong(generations.group(1));
      from = Math.min(from, Long.parseLong(generations.group(2), 16));
      to = Math.max(to, Long.parseLong(generations.group(3), 16));
    }
    if (to == 0) {
      throw new IOException("nothing about generations in what the JVM says:\n" + said);
    }
    return new Heap(used, from, to);
  }

  private static String run(long pid, String command) throws IOException, InterruptedException {
    var jcmd = OwnJvm.java().resolveSibling("jcmd");
    return Command.run(LIMIT, List.of(jcmd.toString(), Long.toString(pid), command))
        .orFail()
        .output();
  }
}
