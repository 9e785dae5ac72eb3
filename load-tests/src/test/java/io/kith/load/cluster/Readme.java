package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** The commands that the README has for a reader with a cluster. */
record Readme(List<String> lines) {
  static Readme of(Path root) throws IOException {
    var text = Files.readString(root.resolve("README.md"));
    var section =
        text.substring(text.indexOf("\n## In Istio\n"), text.indexOf("\n## What it does"));
    return new Readme(section.lines().toList());
  }

  /** The one line that begins so. */
  String command(String start) {
    var found = lines.stream().filter(line -> line.startsWith(start)).toList();
    assertThat(found).as("lines of README.md, In Istio, that begin with '%s'", start).hasSize(1);
    return found.getFirst();
  }

  /** The value that it names for nodes with cgroup version 1 beside version 2. */
  String nodesOfBothVersions() {
    var found =
        Pattern.compile("--set node\\.bridge\\.cgroup=\\S+(?=`)").matcher(String.join("\n", lines));
    assertThat(found.find()).as("--set node.bridge.cgroup in README.md").isTrue();
    return found.group();
  }
}
