package io.kith.server.control;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Calls back when files may have changed: at once where the system says so, else every two seconds.
 *
 * <p>Network file systems and the symbolic links of a mounted ConfigMap say nothing reliable, so
 * the calls every two seconds are what counts.
 */
final class FileWatch implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(FileWatch.class.getName());
  private static final long EVERY_SECONDS = 2;

  /** Makes what tells of changes. */
  @FunctionalInterface
  interface Watches {
    WatchService open() throws IOException;
  }

  private final List<Path> paths;
  private final Watches watches;
  private @Nullable Thread thread;
  private volatile boolean closed;

  FileWatch(List<Path> paths) {
    this(paths, FileSystems.getDefault()::newWatchService);
  }

  FileWatch(List<Path> paths, Watches watches) {
    this.paths = List.copyOf(paths);
    this.watches = watches;
  }

  void start(Runnable mayHaveChanged) {
    thread = Thread.ofPlatform().name("kith-allow-lists").daemon().start(() -> run(mayHaveChanged));
  }

  private void run(Runnable mayHaveChanged) {
    try (var service = service()) {
      while (!closed) {
        if (service == null) {
          TimeUnit.SECONDS.sleep(EVERY_SECONDS);
        } else {
          var key = service.poll(EVERY_SECONDS, TimeUnit.SECONDS);
          if (key != null) {
            key.pollEvents();
            key.reset();
          }
        }
        call(mayHaveChanged);
      }
    } catch (InterruptedException | ClosedWatchServiceException _) {
      // closed
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "files are followed no more, by the end of the server", e);
    }
  }

  /** What tells at once; null where the system has none left, as it has so many for each user. */
  private @Nullable WatchService service() {
    try {
      var service = watches.open();
      paths.forEach(path -> register(service, path));
      return service;
    } catch (IOException e) {
      LOG.log(Level.WARNING, "files are looked at every two seconds only: " + cause(e));
      return null;
    }
  }

  private static void register(WatchService service, Path path) {
    var folder =
        Files.isDirectory(path) ? path : Objects.requireNonNull(path.toAbsolutePath().getParent());
    try {
      folder.register(
          service,
          StandardWatchEventKinds.ENTRY_CREATE,
          StandardWatchEventKinds.ENTRY_MODIFY,
          StandardWatchEventKinds.ENTRY_DELETE);
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "a folder is looked at every two seconds only", e);
    }
  }

  private static void call(Runnable mayHaveChanged) {
    try {
      mayHaveChanged.run();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "files were not read again", e);
    }
  }

  /** What happened, without the name of an exception where it has words. */
  static String cause(IOException failure) {
    return switch (failure) {
      case java.nio.file.NoSuchFileException _ -> "it is not there";
      case java.nio.file.AccessDeniedException _ -> "no permission";
      default ->
          failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
    };
  }

  @Override
  public void close() {
    closed = true;
    var running = thread;
    if (running != null) {
      running.interrupt();
    }
  }
}
