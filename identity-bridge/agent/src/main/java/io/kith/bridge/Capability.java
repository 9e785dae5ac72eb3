package io.kith.bridge;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A capability that the bridge needs, and what is lost without it.
 *
 * <p>Source: capabilities(7).
 */
enum Capability {
  BPF(39, true, "connections are not noted in the kernel, and no pod is guarded"),
  PERFMON(38, true, "executables are not noted with connections, nor seen when they start"),
  NET_ADMIN(
      12,
      false,
      "redirected connections are not turned back (connection tracking), so that those with another"
          + " port are nobody's, and no open connection is ended"),
  SYS_PTRACE(
      19,
      false,
      "processes of other users are not looked into: neither their pods are found nor what they run"),
  DAC_READ_SEARCH(
      2,
      false,
      "files that only their owner may read are not hashed, and nobody of another user is found to"
          + " hold a socket"),
  SYS_ADMIN(
      21,
      false,
      "the networks of pods are not entered (setns), so that only the workload of a connection is"
          + " known");

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String EFFECTIVE = "CapEff:";

  private final int bit;
  private final boolean partOfSysAdmin;
  private final String loss;

  Capability(int bit, boolean partOfSysAdmin, String loss) {
    this.bit = bit;
    this.partOfSysAdmin = partOfSysAdmin;
    this.loss = loss;
  }

  /** What this process lacks, a line each; empty when nothing, or when it cannot be told. */
  static List<String> lacking() {
    try {
      return Files.readAllLines(STATUS, StandardCharsets.ISO_8859_1).stream()
          .filter(line -> line.startsWith(EFFECTIVE))
          .map(line -> Long.parseUnsignedLong(line.substring(EFFECTIVE.length()).strip(), 16))
          .map(Capability::lacking)
          .findFirst()
          .orElse(List.of());
    } catch (IOException | NumberFormatException _) {
      return List.of();
    }
  }

  /**
   * The same of a set.
   *
   * @param held a bit for each capability
   */
  static List<String> lacking(long held) {
    var lines = new ArrayList<String>();
    for (var needed : values()) {
      if (!needed.isIn(held)) {
        lines.add(
            "without CAP_"
                + needed.name()
                + ": "
                + (needed.partOfSysAdmin && SYS_ADMIN.isIn(held)
                    ? "nothing is lost, CAP_SYS_ADMIN includes it"
                    : needed.loss));
      }
    }
    return lines;
  }

  private boolean isIn(long held) {
    return (held >>> bit & 1) == 1;
  }
}
