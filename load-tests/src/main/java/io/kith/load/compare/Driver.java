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
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * Asks a server on one thread: as fast as it answers, with so many Checks in flight on each
 * connection as a busy Envoy has, or at a rate.
 */
public final class Driver implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long PATIENCE_MILLIS = 100;

  private final Selector selector;
  private final int port;
  private final List<Traffic> traffic;
  private final @Nullable List<SSLContext> identities;
  private final List<Http2Connection> connections = new ArrayList<>();
  private final Tally tally = new Tally();
  private long octetsOfOld;
  private int renewed;
  private long asked;

  private static final class Tally implements Http2Connection.Listener {
    private int[] nanos = new int[1 << 16];
    private int count;
    private long denied;
    private long deniedNanos;
    private long expired;

    @Override
    public void answered(long sentNanos, int code) {
      if (code == Answer.NONE) {
        throw new IllegalStateException("an answer without a status");
      }
      var now = System.nanoTime();
      if (code != 0 && denied++ == 0) {
        deniedNanos = now;
      }
      if (count == nanos.length) {
        nanos = Arrays.copyOf(nanos, 2 * count);
      }
      nanos[count++] = (int) Math.min(Integer.MAX_VALUE, now - sentNanos);
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
  public record Answers(
      int[] latencyNanos, long denied, long expired, Duration elapsed, Duration ownProcessor) {
    public int count() {
      return latencyNanos.length;
    }
  }

  private Driver(
      Selector selector, int port, List<Traffic> traffic, @Nullable List<SSLContext> identities) {
    this.selector = selector;
    this.port = port;
    this.traffic = traffic;
    this.identities = identities;
  }

  /**
   * Connects to a server on this machine.
   *
   * @param traffic for each connection
   * @param identities of each connection, or null for none and no TLS
   */
  public static Driver connect(
      int port, List<Traffic> traffic, @Nullable List<SSLContext> identities) throws IOException {
    var driver = new Driver(Selector.open(), port, traffic, identities);
    try {
      for (var i = 0; i < traffic.size(); i++) {
        driver.connections.add(driver.open(i));
      }
      return driver;
    } catch (IOException | RuntimeException e) {
      driver.close();
      throw e;
    }
  }

  private Http2Connection open(int number) throws IOException {
    var channel = SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    var _ = channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    var wire =
        identities == null ? new PlainWire(channel) : TlsWire.over(channel, identities.get(number));
    var _ = channel.configureBlocking(false);
    var connection = new Http2Connection(wire, traffic.get(number), tally);
    var _ = channel.register(selector, SelectionKey.OP_READ, connection);
    return connection;
  }

  /**
   * Takes what has arrived since, and makes another connection in place of each that the server
   * ends because of its age.
   */
  private void renew() throws IOException {
    var _ = selector.selectNow(this::ready);
    for (var i = 0; i < connections.size(); i++) {
      var old = connections.get(i);
      if (old.isOver()) {
        octetsOfOld += old.wire().octets();
        old.close();
        connections.set(i, open(i));
        renewed++;
      }
    }
  }

  /** Connections that the server ended because of their age, and that were made anew. */
  public int renewed() {
    return renewed;
  }

  /** Octets over all connections so far, both ways, with what TLS adds. */
  public long octets() {
    return octetsOfOld
        + connections.stream().mapToLong(connection -> connection.wire().octets()).sum();
  }

  /**
   * Asks until the time is over, and waits for what is on its way.
   *
   * @param perConnection Checks in flight on each connection
   * @return what was answered in that time, and how many of all were denied or given up
   */
  public Answers run(Duration time, int perConnection) throws IOException {
    return run(time, perConnection, Double.POSITIVE_INFINITY);
  }

  /**
   * The same, not faster than a rate.
   *
   * @param perSecond Checks of all connections together
   */
  public Answers run(Duration time, int perConnection, double perSecond) throws IOException {
    tally.clear();
    var processor = processorNanos();
    var start = System.nanoTime();
    var end = start + time.toNanos();
    renew();
    var over = false;
    var sent = 0L;
    for (var now = start; now - end < 0; now = System.nanoTime()) {
      if (over) {
        renew();
        over = false;
      }
      var due = perSecond * (1 + now - start) / 1e9; // infinite from the start
      for (var connection : connections) {
        while (sent < due && connection.inFlight() < perConnection && connection.hasRoom()) {
          connection.send();
          sent++;
        }
        flush(connection);
        over |= connection.isOver();
      }
      step(sent < due ? PATIENCE_MILLIS : 1);
    }
    var answers = answers(start, processor);
    drain(); // whose answers count, and not how long they took
    return new Answers(
        answers.latencyNanos(),
        tally.denied,
        tally.expired,
        answers.elapsed(),
        answers.ownProcessor());
  }

  private Answers answers(long start, long processor) {
    return new Answers(
        Arrays.copyOf(tally.nanos, tally.count),
        tally.denied,
        tally.expired,
        Duration.ofNanos(System.nanoTime() - start),
        Duration.ofNanos(processorNanos() - processor));
  }

  /**
   * Asks so many times a second, whatever is answered meanwhile, and waits for the last answer. The
   * time of an answer counts from when its Check was due, so a server that stands still is late for
   * all that were due meanwhile.
   */
  Answers runAtRate(Duration time, double perSecond) throws IOException {
    tally.clear();
    var processor = processorNanos();
    var start = System.nanoTime();
    askAtRate(start, Math.round(time.toNanos() / 1e9 * perSecond), perSecond);
    drain();
    return answers(start, processor);
  }

  /**
   * Asks so many times a second until the first denial. It sleeps between the two: what denies may
   * be a command that has to start on the same processors.
   *
   * @param running is told when the first answer is there
   * @return when it came, as {@link System#nanoTime} counts
   * @throws IOException when there is none within the limit
   */
  long untilDenied(Duration limit, double perSecond, Runnable running) throws IOException {
    tally.clear();
    var most = Math.round(limit.toNanos() / 1e9 * perSecond);
    var start = System.nanoTime();
    for (var sent = 0L; sent < most && tally.denied == 0; sent++) {
      var due = start + (long) (sent / perSecond * 1e9);
      LockSupport.parkNanos(due - System.nanoTime());
      var _ = selector.selectNow(this::ready);
      askAtRate(due, 1, perSecond);
      if (sent == 0) {
        drain();
        running.run();
      }
    }
    drain();
    if (tally.denied == 0) {
      throw new IOException("no denial within " + limit);
    }
    return tally.deniedNanos;
  }

  /**
   * Sends so many, each when it is due, and takes what is answered meanwhile. It never sleeps, and
   * lets others run on its processor between the two: there is the bridge that a server asks.
   */
  @SuppressWarnings("ThreadPriorityCheck")
  private void askAtRate(long start, long count, double perSecond) throws IOException {
    for (var sent = 0L; sent < count; ) {
      var due = start + (long) (sent / perSecond * 1e9);
      var connection = connections.get((int) (asked % connections.size()));
      if (due - System.nanoTime() <= 0 && connection.hasRoom()) {
        connection.sendDue(due);
        flush(connection);
        asked++;
        sent++;
      } else {
        for (var one : connections) {
          flush(one);
        }
        if (selector.selectNow(this::ready) == 0) {
          Thread.yield();
        }
      }
    }
  }

  /** Asks about one socket on the first connection; whether it is allowed, not only unanswered. */
  public boolean allows(long socket, int port) throws IOException {
    tally.clear();
    renew();
    var connection = connections.getFirst();
    connection.send(socket, port);
    drain();
    return tally.count == 1 && tally.denied == 0 && tally.expired == 0;
  }

  /** Asks about the first sockets, each once, on every connection; how many were allowed. */
  public long allowed(int sockets) throws IOException {
    tally.clear();
    for (var i = 0; i < sockets; i++) {
      renew();
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
      step(PATIENCE_MILLIS);
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

  private void step(long millis) throws IOException {
    var _ = selector.select(this::ready, millis);
  }

  private void ready(SelectionKey key) {
    if (key.isReadable() && key.attachment() instanceof Http2Connection connection) {
      receive(connection);
    }
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
