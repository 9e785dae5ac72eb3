package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.channel.Channel;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How many connections a server has, so that they cannot use up the process's files. One more ends
 * the eldest on which nobody was recognized, or, where there is none, the one that its server has
 * waited for longest; it is closed where there is none of these either. Thread-safe.
 */
public final class ConnectionLimit {
  private final int most;
  private final Set<Channel> all = new HashSet<>(); // guarded by this, as the others
  private final SequencedSet<Channel> strangers = new LinkedHashSet<>(); // from the eldest
  private final SequencedSet<Channel> waitedFor = new LinkedHashSet<>(); // from the longest

  /**
   * @param most connections at a time
   */
  public ConnectionLimit(int most) {
    this.most = most;
  }

  /** What is told of one connection, each perhaps more than once, and by any thread. */
  public final class Place {
    private final Channel connection;

    private Place(Channel connection) {
      this.connection = connection;
    }

    /** Whoever calls may. */
    public void recognized() {
      synchronized (ConnectionLimit.this) {
        strangers.remove(connection);
      }
    }

    /** From now on its peer has to do something: to send a request, or to take an answer. */
    public void waits() {
      synchronized (ConnectionLimit.this) {
        if (all.contains(connection)) {
          waitedFor.addLast(connection);
        }
      }
    }

    /** A call runs, and its peer waits for it. */
    public void works() {
      synchronized (ConnectionLimit.this) {
        waitedFor.remove(connection);
      }
    }
  }

  /**
   * A place for a connection that was just made, until it is closed; null when there is none, and
   * it is closed.
   */
  public @Nullable Place admit(Channel connection) {
    Channel other = null;
    synchronized (this) {
      if (all.size() >= most) {
        var from = strangers.isEmpty() ? waitedFor : strangers;
        if (from.isEmpty()) {
          end(connection);
          return null;
        }
        other = from.getFirst();
        forget(other);
      }
      all.add(connection);
      strangers.add(connection);
    }
    var _ = connection.closeFuture().addListener(_ -> forget(connection));
    if (other != null) {
      end(other);
    }
    return new Place(connection);
  }

  private synchronized void forget(Channel connection) {
    all.remove(connection);
    strangers.remove(connection);
    waitedFor.remove(connection);
  }

  /* At once: a close of TLS waits for its peer, and one of HTTP/2 for its calls. */
  private static void end(Channel connection) {
    connection.eventLoop().execute(() -> connection.unsafe().close(connection.newPromise()));
  }
}
