package io.kith.server.files;

import io.kith.server.verb.Failure;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** Whole files of text, UTF-8. */
public final class TextFile {
  private static final long MAX_BYTES = 64L << 20;

  private TextFile() {}

  /** The text of a file of at most 64 MiB. */
  public static String read(Path file) throws Failure {
    try {
      if (Files.isDirectory(file)) {
        throw Failure.refused(file + ": is a folder (expected: a file)");
      }
      if (Files.size(file) > MAX_BYTES) {
        throw Failure.refused(file + ": longer than 64 MiB (expected: less)");
      }
      return Files.readString(file);
    } catch (NoSuchFileException _) {
      throw Failure.refused(file + ": no such file");
    } catch (MalformedInputException _) {
      throw Failure.refused(file + ": is no text (expected: UTF-8)");
    } catch (IOException e) {
      throw Failure.refused(file + ": cannot be read: " + e);
    }
  }

  /** Writes a file as a whole, in place of the one before. */
  public static void write(Path file, String text) throws Failure {
    var part = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.writeString(part, text);
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw cannotWrite(file, e);
    }
  }

  /** Writes a new file that only its owner can read, and refuses to replace one. */
  static void writeSecret(Path file, String text) throws Failure {
    try {
      var attributes =
          file.getFileSystem().supportedFileAttributeViews().contains("posix")
              ? new FileAttribute<?>[] {
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
              }
              : new FileAttribute<?>[0];
      Files.createFile(file, attributes);
      Files.write(file, text.getBytes(StandardCharsets.UTF_8), StandardOpenOption.WRITE);
    } catch (FileAlreadyExistsException _) {
      throw Failure.refused(file + ": exists already (expected: a name that is free)");
    } catch (IOException e) {
      throw cannotWrite(file, e);
    }
  }

  private static Failure cannotWrite(Path file, IOException e) {
    return Failure.refused(
        file
            + ": cannot be written: "
            + (e instanceof NoSuchFileException ? "its folder does not exist" : e.toString()));
  }
}
