package io.kith.server.rpc;

import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.Peer;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToIntFunction;
import java.util.logging.Level;

/**
 * How many connections there are: so many of one SPIFFE ID, and so many whose peers have not proved
 * who they are. Thread-safe.
 *
 * <p>One more of a SPIFFE ID is refused, which is nobody else's loss. A handshake takes
 * milliseconds, so one more of these ends the oldest: whoever leaves theirs unfinished does not
 * keep others out.
 */
final class Admission {
  private static final BoundedLog LOG = new BoundedLog(CheckListener.class, 1);

  private final ToIntFunction<Peer> mostOfId;
  private final String tooManyOfId;
  private final int mostHandshakes;
  private final String tooManyHandshakes;
  private final SequencedSet<Channel> handshakes = new LinkedHashSet<>();
  private final Map<String, Integer> ofId = new ConcurrentHashMap<>();
  private final LongAdder admitted = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder ended = new LongAdder();

  /**
   * @param mostOfId connections of a peer's SPIFFE ID
   * @param perIdHint for whoever reads of it in the log
   * @param mostHandshakes connections that are none's yet
   * @param handshakesHint the same for these
   */
  Admission(
      ToIntFunction<Peer> mostOfId, String perIdHint, int mostHandshakes, String handshakesHint) {
    this.mostOfId = mostOfId;
    this.tooManyOfId = "connection refused: its SPIFFE ID has as many as it may, " + perIdHint;
    this.mostHandshakes = mostHandshakes;
    this.tooManyHandshakes = "unfinished handshake ended for a newer one, " + handshakesHint;
  }

  /** Somebody connected and has to prove who that is. */
  void handshake(Channel connection) {
    Channel oldest = null;
    synchronized (handshakes) {
      if (handshakes.size() >= mostHandshakes) {
        oldest = handshakes.removeFirst();
      }
      handshakes.add(connection);
    }
    var _ = connection.closeFuture().addListener(_ -> proved(connection));
    if (oldest != null) {
      ended.increment();
      LOG.log(
          Level.WARNING,
          tooManyHandshakes,
          Map.of(
              "address", String.valueOf(oldest.remoteAddress()),
              "handshakes", Integer.toString(mostHandshakes)),
          null);
      var _ = oldest.close();
    }
  }

  private void proved(Channel connection) {
    synchronized (handshakes) {
      handshakes.remove(connection);
    }
  }

  /** Whether a connection of this peer may stay; counted until it is closed. */
  boolean admits(Channel connection, Peer peer) {
    proved(connection);
    var id = peer.id() == null ? "" : peer.id().toString();
    var most = mostOfId.applyAsInt(peer);
    if (ofId.merge(id, 1, Integer::sum) > most) {
      leave(id);
      refused.increment();
      LOG.log(
          Level.WARNING,
          tooManyOfId,
          Map.of(
              "spiffe_id", id,
              "address", String.valueOf(connection.remoteAddress()),
              "connections", Integer.toString(most)),
          null);
      return false;
    }
    admitted.increment();
    var _ =
        connection
            .closeFuture()
            .addListener(
                _ -> {
                  admitted.decrement();
                  leave(id);
                });
    return true;
  }

  private void leave(String id) {
    ofId.computeIfPresent(id, (_, count) -> count == 1 ? null : count - 1);
  }

  CheckListener.Connections counts() {
    int unproved;
    synchronized (handshakes) {
      unproved = handshakes.size();
    }
    return new CheckListener.Connections(admitted.sum(), unproved, refused.sum(), ended.sum());
  }
}
