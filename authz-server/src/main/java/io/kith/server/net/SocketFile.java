package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The file of a Unix socket with its mode, 0600, 0660 or 0666, from the first moment that it can be
 * found.
 *
 * <p>It is bound in a folder that nobody else may enter, and moved to its place when its mode is
 * set.
 */
public final class SocketFile {
  private static final String PRIVATE_FOLDER = "rwx------";

  /** Who may connect. */
  public enum Access {
    /** The user of this process, and root. */
    OWNER("rw-------"),
    /** Its group as well. */
    GROUP("rw-rw----"),
    EVERYBODY("rw-rw-rw-");

    private final String mode;

    Access(String mode) {
      this.mode = mode;
    }
  }

  private final String key;
  private final Path asked;
  private final Path path;
  private final Path nursery;
  private final String mode;
  private final int owner;
  private @Nullable Object published;

  private SocketFile(String key, Path asked, Path path, Path nursery, String mode)
      throws IOException {
    this.key = key;
    this.asked = asked;
    this.path = path;
    this.nursery = nursery;
    this.mode = mode;
    this.owner = (Integer) Files.getAttribute(nursery, "unix:uid");
  }

  /**
   * Makes sure that nobody listens there, and a folder to bind in.
   *
   * @param key of the configuration that has the path, for messages
   * @param access who may connect
   */
  public static SocketFile prepare(String key, Path path, Access access) throws IOException {
    var absolute = path.toAbsolutePath();
    var folder = Objects.requireNonNull(absolute.getParent(), "a socket has a folder");
    try {
      Files.createDirectories(folder);
      requireFree(key, absolute);
      return new SocketFile(key, path, absolute, nursery(folder), access.mode);
    } catch (AccessDeniedException e) {
      throw new IOException(
          key
              + ": '"
              + folder
              + "' is not writable (run as a user who may write there, or set "
              + key
              + " to another path)",
          e);
    }
  }

  /* A short name: the path of a socket has at most 107 bytes. */
  private static Path nursery(Path folder) throws IOException {
    while (true) {
      try {
        return Files.createDirectory(
            folder.resolve(".k" + ThreadLocalRandom.current().nextInt(10_000)),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(PRIVATE_FOLDER)));
      } catch (FileAlreadyExistsException _) {
        // another name
      }
    }
  }

  /**
   * Makes sure that nobody listens there.
   *
   * @throws IOException when somebody does, or it is no socket; the message is for people
   */
  static void requireFree(String key, Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    var attributes =
        Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isOther()) {
      throw new IOException(
          key + ": '" + path + "' exists and is not a socket (remove it, or set another path)");
    }
    if (isServed(path)) {
      throw new IOException(
          key + ": another server listens at unix:" + path + " (stop it, or set another path)");
    }
  }

  private static boolean isServed(Path path) {
    try (var _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      return true;
    } catch (IOException _) {
      return false;
    }
  }

  /** User id of this process. */
  public int owner() {
    return owner;
  }

  /** Binds a socket and listens. */
  @FunctionalInterface
  public interface Binding<T> {
    /**
     * What listens.
     *
     * @throws IOException when that cannot be had, with the message or the cause of the system
     */
    T bind(DomainSocketAddress address) throws IOException;
  }

  /**
   * Binds the socket and moves it to its place; when either fails, nothing is left.
   *
   * @param end ends what listens
   * @throws IOException when it cannot be; the message is for people
   */
  public <T> T listen(Binding<T> binding, Consumer<? super T> end) throws IOException {
    try {
      var listening = binding.bind(new DomainSocketAddress(bindPath().toString()));
      try {
        publish();
        return listening;
      } catch (IOException e) {
        end.accept(listening);
        throw e;
      }
    } catch (IOException e) {
      deleteQuietly(bindPath());
      deleteQuietly(nursery);
      var cause = e.getCause() == null ? e : e.getCause();
      throw new IOException(
          key + ": cannot listen at unix:" + asked + ": " + String.valueOf(cause.getMessage()), e);
    }
  }

  private Path bindPath() {
    return nursery.resolve("s");
  }

  private void publish() throws IOException {
    Files.setPosixFilePermissions(bindPath(), PosixFilePermissions.fromString(mode));
    published = keyOf(bindPath());
    Files.move(bindPath(), path, StandardCopyOption.ATOMIC_MOVE);
    Files.deleteIfExists(nursery);
  }

  /** Removes the socket, unless another server has put its own there meanwhile. */
  public void remove() {
    try {
      if (published != null && published.equals(keyOf(path))) {
        Files.deleteIfExists(path);
      }
    } catch (IOException _) {
      // gone already, or a stale socket that the next start replaces
    }
  }

  private static @Nullable Object keyOf(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  private static void deleteQuietly(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException _) {
      // what is left lies in a folder of its own and harms nobody
    }
  }
}
