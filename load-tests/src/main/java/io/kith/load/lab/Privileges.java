package io.kith.load.lab;

import io.kith.load.tools.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What this machine and this user let a lab do. */
final class Privileges {
  /**
   * CAP_SYS_ADMIN and CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_MKNOD, CAP_SETUID, CAP_SETGID as bits of
   * the capability mask.
   */
  private static final long NEEDED = 1L << 21 | 1L << 12 | 1L << 18 | 1L << 27 | 1L << 7 | 1L << 6;

  private static final List<String> PROGRAMS =
      List.of("ip", "nsenter", "unshare", "pivot_root", "mount", "umount", "setpriv", "bash");

  private Privileges() {}

  /** What is missing for namespaces and capture, in words; empty if nothing is. */
  static List<String> missing() {
    var missing = new ArrayList<String>();
    if ((effectiveCapabilities() & NEEDED) != NEEDED) {
      missing.add("root (this process may not make namespaces and mounts)");
    }
    for (var program : PROGRAMS) {
      if (Command.find(program) == null) {
        missing.add("the program " + program + " (packages iproute2 and util-linux)");
      }
    }
    return List.copyOf(missing);
  }

  private static long effectiveCapabilities() {
    try (var lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith("CapEff:"))
          .mapToLong(line -> Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16))
          .findFirst()
          .orElse(0);
    } catch (IOException _) {
      return 0; // not Linux
    }
  }
}
