package io.kith.baselines.mutation;

import io.kith.baselines.mutation.Mutants.Change;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Reads {@code survivors.md}: a heading for each package, and a row for each change. */
final class Survivors {
  private static final Pattern HEADING = Pattern.compile("## `([\\w.]+)`");
  private static final Pattern ROW =
      Pattern.compile("\\| `([^`]+)` \\| ([^|]+?) \\| (\\d+) \\| ([^|]*?) *\\|");

  private Survivors() {}

  /**
   * How many of each change are known not to be noticed.
   *
   * @throws IllegalArgumentException for a row that is not {@code | `Class.method` | change | how
   *     many | why |}, stands before the first package, stands there twice or gives no reason
   */
  static Map<Change, Long> read(String markdown) {
    var listed = new TreeMap<Change, Long>();
    String inPackage = null;
    var number = 0;
    for (var line : markdown.lines().toList()) {
      number++;
      var heading = HEADING.matcher(line);
      if (heading.matches()) {
        inPackage = heading.group(1);
      }
      if (!line.startsWith("| `")) {
        continue;
      }
      var row = ROW.matcher(line);
      if (!row.matches() || inPackage == null || row.group(4).isBlank()) {
        throw new IllegalArgumentException(
            "survivors.md:"
                + number
                + ": '"
                + line
                + "' (expected: | `Class.method` | change | how many | why |, below ## `package`)");
      }
      var change = new Change(inPackage, row.group(1), row.group(2));
      if (listed.putIfAbsent(change, Long.valueOf(row.group(3))) != null) {
        throw new IllegalArgumentException(
            "survivors.md:" + number + ": " + change + " twice (expected: one row, with how many)");
      }
    }
    return listed;
  }
}
