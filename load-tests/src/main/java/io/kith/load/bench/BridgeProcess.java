package io.kith.load.bench;

import io.kith.load.tools.ProcessCost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** A bridge in a process of its own, started as the launcher does it. */
final class BridgeProcess implements AutoCloseable {
  private static final long START_NANOS = 30_000_000_000L;

  private static final Pattern FOUND =
      Pattern.compile("found ([\\d,]+) processes of pods .* known ([\\d,]+) ms after its start");

  private final Process process;
  private final Path log;

  private BridgeProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /** The processes that were there before it, and when it knew them. */
  record Found(long processes, long millis) {}

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
                .start(),
            log);
    var end = System.nanoTime() + START_NANOS;
    while (!FOUND.matcher(Files.readString(log)).find()) {
      if (!bridge.process.isAlive() || System.nanoTime() > end) {
        bridge.close();
        throw new IOException("the bridge did not start: " + Files.readString(log));
      }
      Thread.sleep(20);
    }
    return bridge;
  }

  Found found() throws IOException {
    var words = FOUND.matcher(Files.readString(log));
    if (!words.find()) {
      throw new IOException("the bridge did not say what it found");
    }
    return new Found(number(words.group(1)), number(words.group(2)));
  }

  private static long number(String grouped) {
    return Long.parseLong(grouped.replace(",", ""));
  }

  /** Its memory now. */
  long residentMebibytes() throws IOException {
    return ProcessCost.residentMebibytes(process.pid());
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
  }
}
