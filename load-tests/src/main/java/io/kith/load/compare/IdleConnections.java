package io.kith.load.compare;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;

/**
 * Connections of Envoy workers that have asked once and are quiet since, thousands of them: only
 * their sockets are kept, which close with this. Not thread-safe.
 */
public final class IdleConnections implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final int port;
  private final List<SSLContext> identities;
  private final List<SocketChannel> open = new ArrayList<>();
  private long octets;

  /**
   * None yet.
   *
   * @param port of a server on this machine
   * @param identities of pods 0 and on, which take turns
   */
  public IdleConnections(int port, List<SSLContext> identities) {
    this.port = port;
    this.identities = List.copyOf(identities);
  }

  /** Opens more, one after the other: handshake, and one Check that is answered. */
  public void open(int more) throws IOException {
    for (var i = 0; i < more; i++) {
      var pod = open.size() % identities.size();
      var channel =
          SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      open.add(channel);
      var _ = channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      var wire = TlsWire.over(channel, identities.get(pod));
      var answers = new FirstAnswer();
      var connection = new Http2Connection(wire, new Traffic(Shape.l4, true, pod, 1), answers);
      connection.send();
      var end = System.nanoTime() + PATIENCE.toNanos();
      while (!connection.flush() || connection.inFlight() > 0) {
        if (System.nanoTime() - end > 0) {
          throw new IOException("a Check is not answered after " + PATIENCE);
        }
        connection.receive();
      }
      if (answers.code != 0) {
        throw new IOException("a flow that was learned is not allowed: code " + answers.code);
      }
      octets += wire.octets();
    }
  }

  private static final class FirstAnswer implements Http2Connection.Listener {
    private int code = Answer.NONE;

    @Override
    public void answered(long sentNanos, int answer) {
      code = answer;
    }

    @Override
    public void expired() {
      // its code says so
    }
  }

  /** How many are open. */
  public int count() {
    return open.size();
  }

  /** Octets of each so far, both ways: handshake, preface, one Check and its answer. */
  public long octetsEach() {
    return octets / Math.max(1, open.size());
  }

  @Override
  public void close() throws IOException {
    for (var channel : open) {
      channel.close();
    }
  }
}
