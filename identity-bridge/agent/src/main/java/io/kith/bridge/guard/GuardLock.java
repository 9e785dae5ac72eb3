package io.kith.bridge.guard;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A file that one guard of a node holds; the kernel lets go of it when the process ends, however it
 * does.
 */
public final class GuardLock implements AutoCloseable {
  private final FileChannel file;

  private GuardLock(FileChannel file) {
    this.file = file;
  }

  /**
   * Takes it.
   *
   * @return null when another has it
   * @throws IOException when it cannot be made
   */
  public static @Nullable GuardLock take(Path path) throws IOException {
    var folder = path.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    var file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      if (file.tryLock() != null) {
        return new GuardLock(file);
      }
    } catch (OverlappingFileLockException _) {
      // this process has it
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
    file.close();
    return null;
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
