package io.kith.bridge.guard;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that one guard of a node holds; the kernel lets go of it when the process ends. */
final class GuardLock implements AutoCloseable {
  private final FileChannel file;

  private GuardLock(FileChannel file) {
    this.file = file;
  }

  /**
   * Takes it.
   *
   * @throws IOException when another process has it, or it cannot be made
   */
  static GuardLock take(Path path) throws IOException {
    var folder = path.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    var file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock;
    try {
      lock = file.tryLock();
    } catch (OverlappingFileLockException _) {
      lock = null; // this process has it
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
    if (lock == null) {
      file.close();
      throw new IOException(
          path + ": another bridge guards this node (end it, or set another bridge.status)");
    }
    return new GuardLock(file);
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
