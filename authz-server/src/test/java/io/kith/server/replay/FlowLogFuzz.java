package io.kith.server.replay;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Each line of a log is a record or a complaint of one line, and every log ends. */
public final class FlowLogFuzz {
  private static final Path LOG = log();

  private FlowLogFuzz() {}

  private static Path log() {
    try {
      var shared = Path.of("/dev/shm");
      var file =
          Files.isWritable(shared)
              ? Files.createTempFile(shared, "kith-fuzz", ".jsonl")
              : Files.createTempFile("kith-fuzz", ".jsonl");
      file.toFile().deleteOnExit();
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One input, as Jazzer calls it. */
  public static synchronized void fuzzerTestOneInput(byte[] data) throws IOException {
    Files.write(LOG, data);
    var lines = 0;
    try (var flows = JsonLines.open(LOG, Records::flow)) {
      while (true) {
        try {
          if (flows.next() == null) {
            return;
          }
        } catch (MalformedLineException e) {
          if (String.valueOf(e.getMessage()).lines().count() > 1) {
            throw new AssertionError("a complaint of several lines: " + e.getMessage());
          }
        }
        if (++lines > data.length * 1_100L + 1) { // gzip makes at most 1,032 bytes of one
          throw new AssertionError("more lines than the log can have");
        }
      }
    } catch (IOException _) {
      // gzip that is broken
    }
  }
}
