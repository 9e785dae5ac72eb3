package io.kith.load.mesh;

import java.util.List;
import java.util.regex.Pattern;

/**
 * What went past a sidecar, as the server's log tells it.
 *
 * @param process in words
 * @param destination address and port
 * @param reason the guard's, as a word
 * @param traceId of the trace that tells of its refusal; empty when it was not refused
 */
public record PastSidecar(String process, String destination, String reason, String traceId) {
  private static final String TEXT = "went past the sidecar";

  /** All that a log tells, in its order. */
  static List<PastSidecar> in(String log) {
    return log.lines()
        .filter(line -> line.contains(TEXT))
        .map(
            line ->
                new PastSidecar(
                    value(line, "process").replaceAll("^'|'$", ""),
                    value(line, "destination"),
                    value(line, "reason"),
                    value(line, "trace_id")))
        .toList();
  }

  private static String value(String line, String key) {
    var found = Pattern.compile(" " + key + "=(?:\"([^\"]*)\"|(\\S*))").matcher(line);
    if (!found.find()) {
      return "";
    }
    return found.group(1) == null ? found.group(2) : found.group(1);
  }
}
