package io.kith.bridge.process;

import java.util.ArrayList;
import java.util.List;

/**
 * Parser for the mapped code of a process: files in executable mappings.
 *
 * <p>Shape of a line: {@code 7f5f0a000000-7f5f0a028000 r-xp 00000000 fd:00 1234
 * /usr/lib/libc.so.6}; a newline in a name is {@code \012}. Mappings without a file (JIT compilers,
 * {@code [vdso]}), of shared memory and of memfd are left out.
 *
 * <p>Source: proc_pid_maps(5).
 */
final class MemoryMaps {
  private static final int FIELDS = 6;

  private MemoryMaps() {}

  /**
   * A mapping.
   *
   * @param range its name below {@code map_files}
   */
  record Code(String range, String path) {}

  /** Each file once. */
  static List<Code> code(String text) {
    var found = new ArrayList<Code>();
    for (var line : text.split("\n", -1)) {
      var fields = line.split(" +", FIELDS);
      if (fields.length == FIELDS
          && fields[1].length() >= 3
          && fields[1].charAt(2) == 'x'
          && fields[5].startsWith("/")
          && !fields[5].startsWith("/memfd:")
          && !fields[5].startsWith("/SYSV")
          && !fields[5].startsWith("/dev/zero")) {
        var path = MountInfo.unescaped(fields[5]);
        if (found.stream().noneMatch(code -> code.path().equals(path))) {
          found.add(new Code(fields[0], path));
        }
      }
    }
    return found;
  }
}
