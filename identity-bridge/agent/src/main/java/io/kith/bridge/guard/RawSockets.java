package io.kith.bridge.guard;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Which processes of a pod may send what the guard cannot see: packets by AF_PACKET, for which the
 * kernel wants CAP_NET_RAW.
 */
final class RawSockets {
  private static final int NET_RAW = 13;
  private static final int NAMED = 8;

  private RawSockets() {}

  /**
   * The processes.
   *
   * @param holders hold the capability now
   * @param able may gain it from a program with file capabilities or of user 0
   * @param named the first holders, for people
   */
  record Found(int holders, int able, List<String> named) {
    static final Found NONE = new Found(0, 0, List.of());

    Found {
      named = List.copyOf(named);
    }
  }

  static Found of(List<Integer> pids) {
    var holders = 0;
    var able = 0;
    var named = new ArrayList<String>();
    for (var pid : pids) {
      try {
        var status =
            Files.readString(Path.of("/proc/" + pid + "/status"), StandardCharsets.ISO_8859_1);
        if (has(status, "CapEff:")) {
          holders++;
          if (named.size() < NAMED) {
            named.add(name(status) + " (" + pid + ")");
          }
        } else if (has(status, "CapBnd:")) {
          able++;
        }
      } catch (IOException _) {
        // gone
      }
    }
    return new Found(holders, able, named);
  }

  /** Whether a line of {@code /proc/PID/status} has the capability; unreadable: yes. */
  static boolean has(String status, String set) {
    for (var line : status.split("\n", -1)) {
      if (line.startsWith(set)) {
        try {
          var bits = Long.parseUnsignedLong(line.substring(set.length()).strip(), 16);
          return (bits >>> NET_RAW & 1) == 1;
        } catch (NumberFormatException _) {
          return true;
        }
      }
    }
    return true;
  }

  /** The kernel escapes line breaks in the name; the rest of what cannot be shown goes here. */
  private static String name(String status) {
    var line = status.lines().findFirst().orElse("");
    return line.replaceFirst("^Name:\\s*", "").replaceAll("[^\\x20-\\x7e]", "?");
  }
}
