package io.kith.server.net;

import io.kith.baselines.config.Endpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A number that no other server of a folder has while this one runs, and with it the name of a
 * socket there: servers of a node with the same configuration, of which one takes over from
 * another, tell each other apart by it.
 */
public final class FolderPlace implements AutoCloseable {
  /*
   *  FOLDER/1.lock   held by the server that has place 1; the kernel lets go of it when that ends
   *  FOLDER/1.sock   where bridges attach to it; one that was left behind is replaced by the next
   */
  /** Servers of a folder at a time. */
  public static final int MOST = 4;

  private static final String KEY = "server.bridges.listen";
  private static final Duration AGAIN = Duration.ofMillis(250);

  private final Path folder;
  private final int number;
  private final FileChannel file;

  private FolderPlace(Path folder, int number, FileChannel file) {
    this.folder = folder;
    this.number = number;
    this.file = file;
  }

  /**
   * Takes the first that is free.
   *
   * @return null when none is
   * @throws IOException when the folder cannot be used; for people
   */
  static @Nullable FolderPlace take(Path folder) throws IOException {
    for (int number = 1; number <= MOST; number++) {
      var path = folder.resolve(number + ".lock");
      try {
        var file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (isLocked(file)) {
          return new FolderPlace(folder, number, file);
        }
        file.close();
      } catch (AccessDeniedException | NoSuchFileException e) {
        throw new IOException(
            KEY
                + ": '"
                + folder
                + "' is "
                + (e instanceof NoSuchFileException ? "missing" : "not writable")
                + " (the bridge of this node makes it writable for the group bridge.serversGroup,"
                + " which this server needs)",
            e);
      }
    }
    return null;
  }

  private static boolean isLocked(FileChannel file) throws IOException {
    try {
      return file.tryLock() != null;
    } catch (OverlappingFileLockException _) {
      return false; // this process has it
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /**
   * Takes one, and waits until that can be.
   *
   * @param waits gets words about what is waited for
   * @throws IOException when it took too long; for people
   */
  public static FolderPlace await(Path folder, Duration patience, Consumer<String> waits)
      throws IOException, InterruptedException {
    var end = System.nanoTime() + patience.toNanos();
    while (true) {
      IOException why;
      try {
        var place = take(folder);
        if (place != null) {
          return place;
        }
        why =
            new IOException(
                KEY + ": '" + folder + "' has " + MOST + " servers already (end one of them)");
      } catch (IOException e) {
        why = e;
      }
      if (System.nanoTime() - end >= 0) {
        throw why;
      }
      waits.accept(String.valueOf(why.getMessage()));
      Thread.sleep(AGAIN);
    }
  }

  /** Where bridges attach to the server that has it. */
  public Endpoint endpoint() {
    return new Endpoint.Unix(folder.resolve(number + ".sock"));
  }

  /** For a name that all servers of the folder have in their configuration; empty for the first. */
  public String suffix() {
    return number == 1 ? "" : "." + number;
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
