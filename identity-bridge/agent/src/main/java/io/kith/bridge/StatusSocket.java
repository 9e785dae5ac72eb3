package io.kith.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Supplier;

/**
 * Where a running bridge says how it is: a Unix socket that only the bridge's user may open. Who
 * connects is told everything and hung up on; nothing is read.
 */
public final class StatusSocket implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(StatusSocket.class.getName());

  private final ServerSocketChannel server;
  private final Path path;
  private final Supplier<String> status;

  private StatusSocket(ServerSocketChannel server, Path path, Supplier<String> status) {
    this.server = server;
    this.path = path;
    this.status = status;
  }

  /**
   * Opens it; a socket that a bridge before left is replaced.
   *
   * @throws IOException when it cannot be made, or another bridge answers there
   */
  static StatusSocket open(Path path, Supplier<String> status) throws IOException {
    var folder = path.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    if (Files.exists(path)) {
      if (isAnswered(path)) {
        throw new IOException(path + ": another bridge is there (bridge.status)");
      }
      Files.delete(path);
    }
    var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      server.bind(UnixDomainSocketAddress.of(path));
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
    } catch (IOException e) {
      server.close();
      throw e;
    }
    var socket = new StatusSocket(server, path, status);
    Thread.ofPlatform().daemon().name("kith-bridge-status").start(socket::serve);
    return socket;
  }

  private static boolean isAnswered(Path path) {
    try (var _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      return true;
    } catch (IOException _) {
      return false;
    }
  }

  /**
   * What the bridge at a socket says of itself.
   *
   * @throws IOException when none answers there
   */
  public static String ask(Path path) throws IOException {
    try (var socket = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      return new String(Channels.newInputStream(socket).readAllBytes(), UTF_8);
    }
  }

  private void serve() {
    while (server.isOpen()) {
      try (var client = server.accept()) {
        var text = ByteBuffer.wrap(status.get().getBytes(UTF_8));
        while (text.hasRemaining()) {
          client.write(text);
        }
      } catch (ClosedChannelException _) {
        return;
      } catch (IOException _) {
        // who asked did not wait for the answer
      } catch (RuntimeException | Error e) { // else nobody would be answered any more
        LOG.log(System.Logger.Level.ERROR, "a mistake inside while the status was told", e);
      }
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    Files.deleteIfExists(path);
  }
}
