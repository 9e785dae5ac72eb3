package io.kith.load.fleet;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A way to a PostgreSQL that can be slow, or lost at the worst moment: between the commit of a
 * change and its answer.
 *
 * <p>Clients have to send their statements as text ({@code prepareThreshold=0} in the URL).
 */
public final class CommitRelay implements AutoCloseable {
  private static final String CHANGE = "insert into kith_change";
  private static final String COMMIT = "COMMIT";

  private final InetSocketAddress database;
  private final ServerSocket listener;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final AtomicReference<Trouble> next = new AtomicReference<>(Trouble.NONE);
  private final AtomicInteger cuts = new AtomicInteger();
  private volatile boolean closedToNew;
  private volatile Duration answersAfter = Duration.ZERO;

  /** What happens to the next commit of a change. */
  public enum Trouble {
    NONE,
    /** The database gets it, and its answer is lost. */
    ANSWER_LOST,
    /** The same, and nobody gets through any more until {@link #heal}. */
    ANSWER_LOST_AND_AWAY,
    /** The client is cut off, and the database gets it a second later. */
    LATE
  }

  public CommitRelay(int databasePort) throws IOException {
    database = new InetSocketAddress(InetAddress.getLoopbackAddress(), databasePort);
    listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofPlatform().daemon().name("relay").start(this::accept);
  }

  public int port() {
    return listener.getLocalPort();
  }

  public void prepare(Trouble trouble) {
    next.set(trouble);
  }

  /** Each answer of the database takes so much longer from now on. */
  public void answersAfter(Duration delay) {
    answersAfter = delay;
  }

  /** Commits that were cut off so far. */
  public int cuts() {
    return cuts.get();
  }

  /** Lets everybody through again. */
  public void heal() {
    closedToNew = false;
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var client = listener.accept();
        sockets.add(client);
        if (closedToNew) {
          client.close();
          continue;
        }
        var server = new Socket();
        sockets.add(server);
        try {
          server.connect(database, 5_000);
        } catch (IOException e) {
          client.close();
          throw e;
        }
        Thread.ofVirtual().start(() -> questions(client, server));
        Thread.ofVirtual().start(() -> answers(server, client));
      } catch (IOException _) {
        // the database is away, or this relay is closed: the client sees the same
      }
    }
  }

  private void questions(Socket client, Socket server) {
    var changing = false;
    try (client;
        server) {
      var in = client.getInputStream();
      var buffer = new byte[1 << 16];
      for (var length = in.read(buffer); length >= 0; length = in.read(buffer)) {
        var text = new String(buffer, 0, length, ISO_8859_1);
        changing |= text.contains(CHANGE);
        if (changing && text.contains(COMMIT)) {
          changing = false;
          var trouble = next.getAndSet(Trouble.NONE);
          if (trouble != Trouble.NONE) {
            cut(trouble, client);
            if (trouble == Trouble.LATE) {
              Thread.sleep(Duration.ofSeconds(1));
            }
            server.getOutputStream().write(buffer, 0, length);
            Thread.sleep(Duration.ofMillis(500)); // the database has it before it sees the end
            return;
          }
        }
        server.getOutputStream().write(buffer, 0, length);
      }
    } catch (IOException _) {
      // one end is gone, and so is the other now
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void cut(Trouble trouble, Socket client) throws IOException {
    cuts.incrementAndGet();
    closedToNew = trouble == Trouble.ANSWER_LOST_AND_AWAY;
    client.close();
    if (closedToNew) {
      for (var socket : sockets) {
        if (socket.getLocalPort() == port()) {
          socket.close();
        }
      }
    }
  }

  private void answers(Socket server, Socket client) {
    try (client) {
      var in = server.getInputStream();
      var buffer = new byte[1 << 16];
      for (var length = in.read(buffer); length >= 0; length = in.read(buffer)) {
        Thread.sleep(answersAfter);
        client.getOutputStream().write(buffer, 0, length);
      }
    } catch (IOException _) {
      // likewise; the end to the database is closed by who writes to it, maybe a late commit
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var socket : sockets) {
      socket.close();
    }
  }
}
