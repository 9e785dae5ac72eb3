package io.kith.load.mesh;

import io.kith.load.tools.MissingToolException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;

/**
 * The time of day as one process sees it, by libfaketime; how fast it goes by does not change. A
 * jump is seen within a second.
 */
final class FakeTime {
  private static final Path LIBRARIES = Path.of("/usr/lib");
  private static final String LIBRARY = "faketime/libfaketimeMT.so.1";

  private final Path library;
  private final Path offset;

  private FakeTime(Path library, Path offset) {
    this.library = library;
    this.offset = offset;
  }

  /** The right time, so far. */
  static FakeTime in(Path folder) throws IOException {
    var time = new FakeTime(library(), folder.resolve("time"));
    time.jump(Duration.ZERO);
    return time;
  }

  private static Path library() throws IOException {
    try (var architectures = Files.list(LIBRARIES)) {
      return architectures
          .map(folder -> folder.resolve(LIBRARY))
          .filter(Files::exists)
          .findFirst()
          .orElseThrow(
              () ->
                  new MissingToolException(
                      LIBRARIES
                          + "/*/"
                          + LIBRARY
                          + " is missing (install libfaketime: apt-get install faketime)"));
    }
  }

  /** What begins the command line of a process with this time. */
  List<String> command() {
    return List.of(
        "env",
        "LD_PRELOAD=" + library,
        "FAKETIME_TIMESTAMP_FILE=" + offset,
        "FAKETIME_CACHE_DURATION=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        // else each timed wait of the JVM, on that clock, returns at once, and all of them spin
        "FAKETIME_FORCE_MONOTONIC_FIX=0");
  }

  /** From now on it is so much later than it is, or earlier. */
  void jump(Duration ahead) throws IOException {
    var next = offset.resolveSibling("time.new");
    Files.writeString(next, "%+d\n".formatted(ahead.toSeconds()));
    Files.move(next, offset, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
