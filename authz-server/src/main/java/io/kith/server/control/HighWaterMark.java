package io.kith.server.control;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How far this server has seen the log of changes, in a file beside its keys: so that it notices
 * after a restart that the end of the log was cut off, or that an older log was put back.
 *
 * <p>Shape of the file: position, a space, the seal of the entry there, a line feed.
 */
public final class HighWaterMark {
  private static final Pattern FORM = Pattern.compile("([1-9][0-9]{0,17}) (.{1,500})\n");

  private final Path file;

  /** An entry that was applied. */
  record Mark(long position, String seal) {}

  public HighWaterMark(Path file) {
    this.file = file;
  }

  Path file() {
    return file;
  }

  /**
   * The last entry that was seen, or null before the first.
   *
   * @throws IOException when the file cannot be read or is not a mark; the message says what to do
   */
  @Nullable Mark read() throws IOException {
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException _) {
      return null;
    }
    var matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IOException(
          "'"
              + file
              + "' is damaged (expected: a position and a seal; if the store is known to be"
              + " complete, remove the file)");
    }
    return new Mark(Long.parseLong(matcher.group(1)), matcher.group(2));
  }

  /** Puts a later mark in place, so that a reader finds the one or the other. */
  void write(long position, String seal) throws IOException {
    var folder = Objects.requireNonNull(file.toAbsolutePath().getParent(), "a file has a folder");
    var next = folder.resolve(file.getFileName() + ".next");
    Files.writeString(
        next,
        position + " " + seal + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.WRITE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.SYNC); // a machine that loses power must not leave an empty one
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
