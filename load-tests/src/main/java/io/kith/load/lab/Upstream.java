package io.kith.load.lab;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A service on a host: it answers with a random token, and remembers who came and how much they
 * sent.
 */
public final class Upstream implements AutoCloseable {

  /** What is spoken over one connection. */
  interface Protocol {
    /** Serves one connection until its end; what is read from {@code input} is counted. */
    void serve(Socket socket, InputStream input, Connection seen, String token) throws IOException;

    /** The certificate that clients may trust, as PEM; absent if the protocol has none. */
    default @Nullable String certificate() {
      return null;
    }
  }

  /** One connection that arrived. */
  public static final class Connection {
    private final InetSocketAddress peer;
    private final AtomicLong bytes = new AtomicLong();
    private volatile @Nullable String serverName;

    Connection(InetSocketAddress peer) {
      this.peer = peer;
    }

    /** Who connected: Envoy's own socket when Envoy stands between. */
    public InetSocketAddress peer() {
      return peer;
    }

    /** Bytes that arrived; under TLS only those of its first records, so that none is none. */
    public long bytes() {
      return bytes.get();
    }

    /** The name that a TLS client asked for. */
    public @Nullable String serverName() {
      return serverName;
    }

    void serverName(String name) {
      serverName = name;
    }

    void count(long more) {
      bytes.addAndGet(more);
    }
  }

  private final Host host;
  private final int port;
  private final ServerSocket server;
  private final Protocol protocol;
  private final String token = UUID.randomUUID().toString();
  private final List<Connection> connections = new CopyOnWriteArrayList<>();
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  Upstream(Host host, int port, ServerSocket server, Protocol protocol) {
    this.host = host;
    this.port = port;
    this.server = server;
    this.protocol = protocol;
    Thread.ofVirtual().name(host.name() + ":" + port).start(this::accept);
  }

  public Host host() {
    return host;
  }

  public int port() {
    return port;
  }

  /** What this service answers with: new for every upstream, so whoever knows it was here. */
  public String token() {
    return token;
  }

  /** The certificate of a TLS service as PEM. */
  public String certificate() {
    var certificate = protocol.certificate();
    if (certificate == null) {
      throw new IllegalStateException(host.name() + ":" + port + " speaks no TLS");
    }
    return certificate;
  }

  /** The connections that arrived, in order of arrival. */
  public List<Connection> connections() {
    return List.copyOf(connections);
  }

  /** Bytes that arrived over all connections. */
  public long bytes() {
    return connections.stream().mapToLong(Connection::bytes).sum();
  }

  /** Forgets the connections that arrived so far. */
  public void forget() {
    connections.clear();
  }

  /** Ends the connections that are open with a reset. */
  public void reset() throws IOException {
    for (var socket : sockets) {
      socket.setSoLinger(true, 0);
      socket.close();
    }
  }

  @Override
  public void close() {
    closeQuietly(server);
    sockets.forEach(Upstream::closeQuietly);
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        var socket = server.accept();
        var seen = new Connection((InetSocketAddress) socket.getRemoteSocketAddress());
        connections.add(seen);
        sockets.add(socket);
        Thread.ofVirtual().start(() -> serve(socket, seen));
      } catch (IOException _) {
        // The server was closed, or one connection died before it was accepted.
      }
    }
  }

  private void serve(Socket socket, Connection seen) {
    try (socket) {
      protocol.serve(socket, new Counted(socket.getInputStream(), seen), seen, token);
    } catch (IOException _) {
      // The client is gone or did not speak our protocol: it got no token, which is all a test
      // asks.
    } finally {
      sockets.remove(socket);
    }
  }

  private static void closeQuietly(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception _) {
      // Nothing depends on a socket that will not close.
    }
  }

  /** Counts what is read from the network, not what a reader asks for. */
  private static final class Counted extends BufferedInputStream {
    Counted(InputStream input, Connection seen) {
      super(
          new FilterInputStream(input) {
            @Override
            public int read() throws IOException {
              int read = in.read();
              seen.count(read < 0 ? 0 : 1);
              return read;
            }

            @Override
            public int read(byte[] buffer, int offset, int length) throws IOException {
              int read = in.read(buffer, offset, length);
              seen.count(Math.max(0, read));
              return read;
            }
          });
    }
  }
}
