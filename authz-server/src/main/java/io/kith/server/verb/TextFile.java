package io.kith.server.verb;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.UUID;

/** Whole files of text, UTF-8. */
public final class TextFile {
  private static final int MAX_BYTES = 64 << 20;

  private TextFile() {}

  /** The text of a file of at most 64 MiB. */
  public static String read(Path file) throws Failure {
    return read(file, MAX_BYTES);
  }

  /** The text of a file of at most so many bytes; no more of it is read. */
  static String read(Path file, int maxBytes) throws Failure {
    if (Files.isDirectory(file)) {
      throw Failure.refused(file + ": is a folder (expected: a file)");
    }
    try (var stream = Files.newInputStream(file)) {
      var bytes = stream.readNBytes(maxBytes + 1);
      if (bytes.length > maxBytes) {
        throw Failure.refused(file + ": longer than " + (maxBytes >> 20) + " MiB (expected: less)");
      }
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (NoSuchFileException _) {
      throw Failure.refused(file + ": no such file");
    } catch (CharacterCodingException _) {
      throw Failure.refused(file + ": is no text (expected: UTF-8)");
    } catch (IOException e) {
      throw Failure.refused(file + ": cannot be read: " + e);
    }
  }

  /**
   * Writes a file as a whole, in place of the one before, and onto the disk. When that fails, the
   * one before is as it was and nothing is left beside it.
   */
  public static void write(Path file, String text) throws Failure {
    var part = file.resolveSibling(file.getFileName() + "." + UUID.randomUUID() + ".part");
    try {
      writeNew(part, text);
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      remove(part, e);
      throw cannotWrite(file, e);
    }
  }

  /** Writes a new file that only its owner can read, and refuses to replace one. */
  public static void writeSecret(Path file, String text) throws Failure {
    var attributes =
        file.getFileSystem().supportedFileAttributeViews().contains("posix")
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0];
    try {
      writeNew(file, text, attributes);
    } catch (FileAlreadyExistsException _) {
      throw Failure.refused(file + ": exists already (expected: a name that is free)");
    } catch (IOException e) {
      remove(file, e);
      throw cannotWrite(file, e);
    }
  }

  private static void writeNew(Path file, String text, FileAttribute<?>... attributes)
      throws IOException {
    var options = EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (var channel = FileChannel.open(file, options, attributes)) {
      var bytes = ByteBuffer.wrap(text.getBytes(UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  private static void remove(Path file, IOException failure) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  private static Failure cannotWrite(Path file, IOException e) {
    return Failure.refused(
        file
            + ": cannot be written: "
            + (e instanceof NoSuchFileException ? "its folder does not exist" : e.toString())
            + (Files.exists(file) ? " (what was there before still is)" : ""));
  }
}
