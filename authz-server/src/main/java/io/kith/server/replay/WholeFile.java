package io.kith.server.replay;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A file that is there as a whole or not at all: written beside its place, and moved there once it
 * is complete. What is no plain file, as a pipe, is written at once.
 *
 * <p>Whatever was there before stays until then.
 */
final class WholeFile implements Closeable {
  private final Path place;
  private final Path written;
  private final OutputStream out;
  private boolean complete;

  private WholeFile(Path place, Path written) throws IOException {
    this.place = place;
    this.written = written;
    try {
      this.out = Files.newOutputStream(written);
    } catch (IOException e) {
      throw told(e);
    }
  }

  static WholeFile create(Path place) throws IOException {
    var real = Files.exists(place) ? place.toRealPath() : place;
    var plain = !Files.exists(real) || Files.isRegularFile(real);
    return new WholeFile(real, plain ? real.resolveSibling(real.getFileName() + ".part") : real);
  }

  /** Where its content goes; does not name the file when it fails, see {@link #told}. */
  OutputStream out() {
    return out;
  }

  /** Puts it in its place. */
  void complete() throws IOException {
    try {
      out.close();
      if (!written.equals(place)) {
        Files.move(
            written, place, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      }
      complete = true;
    } catch (IOException e) {
      throw told(e);
    }
  }

  /** What a person has to know about a failure to write it. */
  IOException told(IOException e) {
    return new IOException(
        place
            + ": cannot be written: "
            + (e.getMessage() == null ? e.toString() : e.getMessage())
            + " (nothing was kept; free some space, or name another place)",
        e);
  }

  /** Takes what is not complete away. */
  @Override
  public void close() throws IOException {
    if (!complete) {
      try {
        out.close();
      } catch (IOException _) {
        // what it could not write is thrown away in any case
      }
      if (!written.equals(place)) {
        Files.deleteIfExists(written);
      }
    }
  }
}
