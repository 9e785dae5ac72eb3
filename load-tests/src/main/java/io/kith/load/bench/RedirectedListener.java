package io.kith.load.bench;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Tuple;
import io.kith.load.ffm.NetworkNamespace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * In the place of a sidecar: takes what is redirected. Each client says its pid and where it
 * connected to, so that every answer can be checked.
 */
final class RedirectedListener implements AutoCloseable {
  private static final int PORT = 15_001;
  private static final int BACKLOG = 4_096;

  /** What happens with a connection. */
  @FunctionalInterface
  interface Arrival {
    /**
     * Asks about it, as a proxy would.
     *
     * @param pid the client's own word
     * @param seen the addresses that a proxy has
     */
    void arrived(int pid, Tuple seen) throws InterruptedException;
  }

  private final ServerSocket server;
  private final Arrival arrival;
  private final ExecutorService workers = Executors.newVirtualThreadPerTaskExecutor();
  private final AtomicInteger served = new AtomicInteger();

  private RedirectedListener(ServerSocket server, Arrival arrival) {
    this.server = server;
    this.arrival = arrival;
  }

  static RedirectedListener open(NetworkNamespace namespace, Arrival arrival)
      throws IOException, InterruptedException {
    var listener = new RedirectedListener(namespace.call(RedirectedListener::listen), arrival);
    Thread.ofPlatform().daemon().name("bench-accept").start(listener::accept);
    return listener;
  }

  private static ServerSocket listen() throws IOException {
    var socket = new ServerSocket();
    socket.bind(new InetSocketAddress(PORT), BACKLOG);
    return socket;
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        var socket = server.accept();
        workers.execute(() -> serve(socket));
      } catch (IOException _) {
        // closed
      }
    }
  }

  private void serve(Socket socket) {
    try (socket;
        var lines =
            new BufferedReader(
                new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))) {
      var line = lines.readLine();
      if (line == null) {
        return;
      }
      var words = line.split(" ", -1);
      if (!(socket.getRemoteSocketAddress() instanceof InetSocketAddress peer)) {
        return;
      }
      arrival.arrived(
          Integer.parseInt(words[0]),
          new Tuple(
              IpAddress.of(peer.getAddress()),
              peer.getPort(),
              IpAddress.parse(words[1]),
              Integer.parseInt(words[2])));
      served.incrementAndGet();
      lines.readLine(); // held until the client closes
    } catch (IOException _) {
      // the client was ended, or we are
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  int served() {
    return served.get();
  }

  @Override
  public void close() throws IOException {
    server.close();
    workers.shutdownNow();
  }
}
