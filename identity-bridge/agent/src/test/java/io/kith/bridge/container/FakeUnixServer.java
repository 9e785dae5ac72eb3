package io.kith.bridge.container;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** A server behind a Unix socket that does with each connection what a test says. */
final class FakeUnixServer implements AutoCloseable {
  private final Path socket;
  private final ServerSocketChannel server;
  private final Behaviour behaviour;

  /** What is done with a connection; it is hung up afterwards. */
  interface Behaviour {
    void with(SocketChannel client) throws IOException, InterruptedException;
  }

  FakeUnixServer(Path socket, Behaviour behaviour) throws IOException {
    this.socket = socket;
    this.behaviour = behaviour;
    this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    Thread.ofPlatform().daemon().start(this::accept);
  }

  Path socket() {
    return socket;
  }

  private void accept() {
    try {
      while (true) {
        var client = server.accept();
        Thread.ofPlatform().daemon().start(() -> serve(client));
      }
    } catch (IOException _) {
      // closed
    }
  }

  private void serve(SocketChannel client) {
    try (client) {
      behaviour.with(client);
    } catch (IOException _) {
      // who asked has hung up
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** The head of an HTTP request: its first line. */
  static String request(SocketChannel client) throws IOException {
    var text = new StringBuilder();
    var buffer = ByteBuffer.allocate(4096);
    while (text.indexOf("\r\n\r\n") < 0 && client.read(buffer.clear()) >= 0) {
      text.append(UTF_8.decode(buffer.flip()));
    }
    return text.substring(0, Math.max(0, text.indexOf("\r\n")));
  }

  static void say(SocketChannel client, String text) throws IOException {
    var bytes = ByteBuffer.wrap(text.getBytes(UTF_8));
    while (bytes.hasRemaining()) {
      client.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
