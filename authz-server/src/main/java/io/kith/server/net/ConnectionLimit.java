package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.channel.Channel;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import java.util.Set;

/**
 * How many connections a server has, so that they cannot use up the process's files. One more ends
 * the eldest on which nobody was recognized, or is closed where there is none. Thread-safe.
 */
public final class ConnectionLimit {
  private final int most;
  private final Set<Channel> all = new HashSet<>();
  private final SequencedSet<Channel> strangers = new LinkedHashSet<>(); // from the eldest

  /**
   * @param most connections at a time
   */
  public ConnectionLimit(int most) {
    this.most = most;
  }

  /**
   * Counts a connection that was just made until it is closed; false when there is no place for it,
   * and it is closed.
   */
  public boolean admits(Channel connection) {
    Channel eldest = null;
    synchronized (this) {
      if (all.size() >= most) {
        if (strangers.isEmpty()) {
          end(connection);
          return false;
        }
        eldest = strangers.removeFirst();
        all.remove(eldest);
      }
      all.add(connection);
      strangers.add(connection);
    }
    var _ = connection.closeFuture().addListener(_ -> closed(connection));
    if (eldest != null) {
      end(eldest);
    }
    return true;
  }

  /** Somebody was recognized on a connection, perhaps again: it makes way for none. */
  public synchronized void recognized(Channel connection) {
    strangers.remove(connection);
  }

  private synchronized void closed(Channel connection) {
    all.remove(connection);
    strangers.remove(connection);
  }

  /* At once: a close of TLS waits for its peer, and one of HTTP/2 for its calls. */
  private static void end(Channel connection) {
    connection.eventLoop().execute(() -> connection.unsafe().close(connection.newPromise()));
  }
}
