package io.kith.load.compare;

import io.kith.load.tools.Command;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/**
 * Which processor the server has for itself, and which the driver.
 *
 * @param serverPrefix what a server's command line begins with
 * @param words for people
 */
public record Cores(List<String> serverPrefix, String words) {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  /** What the command line of a program begins with that may use both. */
  List<String> bothPrefix() {
    return serverPrefix.isEmpty() ? List.of() : List.of(serverPrefix.getFirst(), "-c", "0,1");
  }

  /** Nobody is bound to anything. */
  public static Cores shared() {
    return new Cores(List.of(), "server and driver share all processors");
  }

  /** The first for servers; this process goes to the second, with all that it starts otherwise. */
  static Cores pinned() throws IOException, InterruptedException {
    var taskset = Command.find("taskset");
    if (taskset == null || Runtime.getRuntime().availableProcessors() < 2) {
      return shared();
    }
    var self = Long.toString(ProcessHandle.current().pid());
    var moved =
        Command.run(LIMIT, List.of(taskset.toString(), "--all-tasks", "-c", "-p", "1", self));
    return moved.succeeded()
        ? new Cores(
            List.of(taskset.toString(), "-c", "0"),
            "server alone on processor 0, driver (and bridge) on processor 1")
        : shared();
  }
}
