package io.kith.bridge.process;

import io.kith.bridge.ffm.KernelMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/**
 * Parser for the mapped code of a process: files in executable mappings.
 *
 * <p>Shape of a line: {@code 7f5f0a000000-7f5f0a028000 r-xp 00000000 fd:00 1234
 * /usr/lib/libc.so.6}; a newline in a name is {@code \012}. Mappings without a file (JIT compilers,
 * {@code [vdso]}) are left out, and so is what is memory by its device (memfd, shared memory): by
 * its name it may be a file.
 *
 * <p>Source: proc_pid_maps(5).
 */
final class MemoryMaps {
  private static final int FIELDS = 6;
  private static final int HEXADECIMAL = 16;

  private MemoryMaps() {}

  /**
   * A mapping.
   *
   * @param range its name below {@code map_files}
   */
  record Code(String range, String path) {}

  /** Each file once; two may have one name. */
  static List<Code> code(String text) {
    var found = new ArrayList<Code>();
    var files = new HashSet<List<String>>();
    for (var line : text.split("\n", -1)) {
      var fields = line.split(" +", FIELDS);
      if (fields.length == FIELDS
          && fields[1].length() >= 3
          && fields[1].charAt(2) == 'x'
          && fields[5].startsWith("/")
          && !isMemory(fields[3])
          && files.add(List.of(fields[3], fields[4], fields[5]))) {
        found.add(new Code(fields[0], MountInfo.unescaped(fields[5])));
      }
    }
    return found;
  }

  /** By the device's numbers, which are hexadecimal here. */
  private static boolean isMemory(String device) {
    var colon = device.indexOf(':');
    try {
      return KernelMemory.has(
          Integer.parseInt(device.substring(0, Math.max(colon, 0)), HEXADECIMAL),
          Integer.parseInt(device.substring(colon + 1), HEXADECIMAL));
    } catch (NumberFormatException _) {
      return false;
    }
  }
}
