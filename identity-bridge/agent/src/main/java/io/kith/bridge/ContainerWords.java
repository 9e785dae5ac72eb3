package io.kith.bridge;

import io.kith.bridge.container.ContainerDirectory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The container runtimes for people, a line each. */
final class ContainerWords {
  private ContainerWords() {}

  static List<String> lines(ContainerDirectory.Status status) {
    var lines = new ArrayList<String>();
    lines.add(
        String.format(
            Locale.ROOT,
            "containers: %,d described, %,d not; %,d questions without an answer, %,d answers that"
                + " the kernel contradicts",
            status.known(),
            status.unknown(),
            status.failures(),
            status.disagreements()));
    if (status.runtimes().isEmpty()) {
      lines.add("  no container runtime is asked (bridge.runtime)");
    }
    status.runtimes().forEach(runtime -> lines.add("  " + runtime));
    status.problems().forEach(problem -> lines.add("  not described: " + problem));
    return lines;
  }
}
