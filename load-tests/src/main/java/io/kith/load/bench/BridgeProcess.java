package io.kith.load.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A bridge in a process of its own, started as the launcher does it. */
final class BridgeProcess implements AutoCloseable {
  private static final long START_NANOS = 30_000_000_000L;

  private final Process process;

  private BridgeProcess(Process process) {
    this.process = process;
  }

  static BridgeProcess start(Path config, Path log) throws IOException, InterruptedException {
    var bridge =
        new BridgeProcess(
            new ProcessBuilder(
                    List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-XX:+UseSerialGC",
                        "-XX:+UseCompactObjectHeaders",
                        "-Xms16m",
                        "-Xmx256m",
                        "-XX:MinHeapFreeRatio=10",
                        "-XX:MaxHeapFreeRatio=30",
                        "-Xshare:auto",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.kith.bridge.Main",
                        "bridge",
                        "--config",
                        config.toString()))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start());
    var end = System.nanoTime() + START_NANOS;
    while (!Files.readString(log).contains("rung ")) {
      if (!bridge.process.isAlive() || System.nanoTime() > end) {
        bridge.close();
        throw new IOException("the bridge did not start: " + Files.readString(log));
      }
      Thread.sleep(20);
    }
    return bridge;
  }

  /** Its memory now. */
  long residentMebibytes() throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1_024;
      }
    }
    throw new IOException("no VmRSS of process " + process.pid());
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }
}
