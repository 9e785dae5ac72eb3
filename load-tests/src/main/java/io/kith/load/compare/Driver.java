package io.kith.load.compare;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Asks a server as fast as it answers, on one thread: each connection keeps so many Checks in
 * flight, as a busy Envoy does.
 */
final class Driver implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Selector selector;
  private final List<Http2Connection> connections = new ArrayList<>();
  private final Tally tally = new Tally();

  private static final class Tally implements Http2Connection.Listener {
    private int[] nanos = new int[1 << 16];
    private int count;
    private long denied;
    private long expired;

    @Override
    public void answered(long sentNanos, int code) {
      if (code == Answer.NONE) {
        throw new IllegalStateException("an answer without a status");
      }
      if (code != 0) {
        denied++;
      }
      if (count == nanos.length) {
        nanos = Arrays.copyOf(nanos, 2 * count);
      }
      nanos[count++] = (int) Math.min(Integer.MAX_VALUE, System.nanoTime() - sentNanos);
    }

    @Override
    public void expired() {
      expired++;
    }

    void clear() {
      count = 0;
      denied = 0;
      expired = 0;
    }
  }

  /**
   * What was answered in a while.
   *
   * @param latencyNanos of each answer
   * @param denied how many of them were denials
   * @param expired Checks that the server gave up, since their time was up
   * @param elapsed how long it really took
   * @param ownProcessor the time of a processor that the driver took for it
   */
  @SuppressWarnings("ArrayRecordComponent") // some hundred thousand, and never compared
  record Answers(
      int[] latencyNanos, long denied, long expired, Duration elapsed, Duration ownProcessor) {
    int count() {
      return latencyNanos.length;
    }
  }

  private Driver(Selector selector) {
    this.selector = selector;
  }

  /**
   * Connects to a server on this machine.
   *
   * @param traffic for each connection
   * @param identities of each connection, or null for none and no TLS
   */
  static Driver connect(int port, List<Traffic> traffic, @Nullable List<SSLContext> identities)
      throws IOException {
    var driver = new Driver(Selector.open());
    try {
      for (var i = 0; i < traffic.size(); i++) {
        var channel =
            SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        var _ = channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        var wire =
            identities == null ? new PlainWire(channel) : TlsWire.over(channel, identities.get(i));
        var _ = channel.configureBlocking(false);
        var connection = new Http2Connection(wire, traffic.get(i), driver.tally);
        driver.connections.add(connection);
        var _ = channel.register(driver.selector, SelectionKey.OP_READ, connection);
      }
      return driver;
    } catch (IOException | RuntimeException e) {
      driver.close();
      throw e;
    }
  }

  /**
   * Asks until the time is over, and waits for what is on its way.
   *
   * @param perConnection Checks in flight on each connection
   * @return what was answered in that time
   */
  Answers run(Duration time, int perConnection) throws IOException {
    tally.clear();
    var processor = processorNanos();
    var start = System.nanoTime();
    var end = start + time.toNanos();
    for (var now = start; now - end < 0; now = System.nanoTime()) {
      for (var connection : connections) {
        while (connection.inFlight() < perConnection && connection.hasRoom()) {
          connection.send();
        }
        flush(connection);
      }
      step();
    }
    var elapsed = System.nanoTime() - start;
    var answers =
        new Answers(
            Arrays.copyOf(tally.nanos, tally.count),
            tally.denied,
            tally.expired,
            Duration.ofNanos(elapsed),
            Duration.ofNanos(processorNanos() - processor));
    drain();
    return answers;
  }

  /** Asks about one socket on the first connection; whether it is allowed. */
  boolean allows(long socket, int port) throws IOException {
    tally.clear();
    var connection = connections.getFirst();
    connection.send(socket, port);
    drain();
    return tally.denied == 0;
  }

  /** Asks about the first sockets, each once, on every connection; how many were allowed. */
  long allowed(int sockets) throws IOException {
    tally.clear();
    for (var i = 0; i < sockets; i++) {
      for (var connection : connections) {
        connection.send(i, Traffic.FIRST_PORT + i);
      }
      drain();
    }
    return tally.count - tally.denied;
  }

  private void drain() throws IOException {
    var end = System.nanoTime() + PATIENCE.toNanos();
    for (; ; ) {
      var waiting = 0;
      for (var connection : connections) {
        flush(connection);
        waiting += connection.inFlight();
      }
      if (waiting == 0) {
        return;
      }
      if (System.nanoTime() - end > 0) {
        throw new IOException(waiting + " Checks are not answered after " + PATIENCE);
      }
      step();
    }
  }

  private void flush(Http2Connection connection) throws IOException {
    var key = connection.wire().channel().keyFor(selector);
    var interest =
        connection.flush() ? SelectionKey.OP_READ : SelectionKey.OP_READ | SelectionKey.OP_WRITE;
    if (key.interestOps() != interest) {
      var _ = key.interestOps(interest);
    }
  }

  private void step() throws IOException {
    var _ =
        selector.select(
            key -> {
              if (key.isReadable() && key.attachment() instanceof Http2Connection connection) {
                receive(connection);
              }
            },
            100);
  }

  private static void receive(Http2Connection connection) {
    try {
      connection.receive();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static long processorNanos() {
    return java.lang.management.ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  @Override
  public void close() throws IOException {
    for (var connection : connections) {
      connection.close();
    }
    selector.close();
  }
}
