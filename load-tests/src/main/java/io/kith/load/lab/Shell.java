package io.kith.load.lab;

import io.kith.load.tools.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Short programs that must succeed. */
final class Shell {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private Shell() {}

  static String run(String... argv) throws IOException, InterruptedException {
    return run(List.of(argv));
  }

  static String run(List<String> argv) throws IOException, InterruptedException {
    var resolved = new ArrayList<>(argv);
    var program = Command.find(argv.getFirst());
    if (program != null) {
      resolved.set(0, program.toString());
    }
    return Command.run(LIMIT, resolved).orFail().output();
  }

  /** Runs several commands of {@code ip} in one namespace. */
  static void ip(String namespace, Path scratch, String commands)
      throws IOException, InterruptedException {
    var batch = Files.createTempFile(scratch, "ip-", ".batch");
    try {
      Files.writeString(batch, commands);
      run("ip", "-n", namespace, "-batch", batch.toString());
    } finally {
      Files.delete(batch);
    }
  }
}
