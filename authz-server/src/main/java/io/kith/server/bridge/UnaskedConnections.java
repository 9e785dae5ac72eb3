package io.kith.server.bridge;

import com.google.protobuf.ByteString;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Unasked;
import io.kith.server.check.Deadlines;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Connections that one stream's bridge was not asked about, until it is told: a tenth of a second;
 * or, when the stream has ended by then, until the next of the node is there. Thread-safe, without
 * a lock.
 */
final class UnaskedConnections {
  /** Connections that may wait at a time; of more the eldest are dropped. */
  static final int MAX_WAITING = 10_000;

  static final int MAX_IN_MESSAGE = 1_024;

  /**
   * So long they are collected, and up to {@link Deadlines#GRAIN} longer, unless a message is full
   * before. Each message wakes threads here and of the bridge, on the processors of the node; what
   * it is for is the next connection of the proxy that has the same port by chance.
   */
  static final Duration COLLECTED = Duration.ofMillis(100);

  private record One(RegisteredPod pod, SocketQuery query) {}

  private final ConcurrentLinkedQueue<One> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicInteger size = new AtomicInteger();
  private final AtomicBoolean isToBeTold = new AtomicBoolean();
  private volatile boolean ended;
  private volatile @Nullable UnaskedConnections next;
  private final Deadlines deadlines;
  private final Consumer<ServerMessage> bridge;

  UnaskedConnections(Deadlines deadlines, Consumer<ServerMessage> bridge) {
    this.deadlines = deadlines;
    this.bridge = bridge;
  }

  /**
   * Takes one.
   *
   * @param nanos now, by {@link System#nanoTime}
   */
  void add(RegisteredPod pod, SocketQuery query, long nanos) {
    add(new One(pod, query), nanos);
  }

  private void add(One one, long nanos) {
    waiting.add(one);
    var many = size.incrementAndGet();
    if (many > MAX_WAITING && waiting.poll() != null) {
      size.decrementAndGet();
    }
    if (!isToBeTold.get() && isToBeTold.compareAndSet(false, true)) {
      deadlines.add(new Telling(nanos + COLLECTED.toNanos(), true));
    }
    if (many == MAX_IN_MESSAGE) {
      deadlines.add(new Telling(nanos, false));
    }
  }

  /** The stream ends: those that wait, and that come late, are left to the next one. */
  void end() {
    ended = true;
  }

  /** Has another stream tell of them: what the bridge does for them is the same for any. */
  void leaveTo(UnaskedConnections other) {
    next = other;
    tell();
  }

  /** Tells the bridge of those that wait. */
  void tell() {
    var other = next;
    if (other != null) {
      var nanos = System.nanoTime();
      for (var one = waiting.poll(); one != null; one = waiting.poll()) {
        size.decrementAndGet();
        other.add(one, nanos);
      }
      return;
    }
    if (ended) {
      return;
    }
    var message = Unasked.newBuilder();
    for (var left = size.get(); left > 0; left--) {
      var one = waiting.poll();
      if (one == null) {
        break;
      }
      size.decrementAndGet();
      message.addConnections(message(one));
      if (message.getConnectionsCount() == MAX_IN_MESSAGE) {
        send(message);
        message.clear();
      }
    }
    if (message.getConnectionsCount() > 0) {
      send(message);
    }
  }

  private void send(Unasked.Builder message) {
    bridge.accept(ServerMessage.newBuilder().setUnasked(message.build()).build());
  }

  private static Connection message(One one) {
    var source = one.query.source();
    var destination = one.query.destination();
    return Connection.newBuilder()
        .setPodId(one.pod.id())
        .setSourceAddress(ByteString.copyFrom(source.address().bytes()))
        .setSourcePort(source.port())
        .setDestinationAddress(ByteString.copyFrom(destination.address().bytes()))
        .setDestinationPort(destination.port())
        .build();
  }

  private final class Telling implements Deadlines.Entry {
    private final long deadlineNanos;
    private final boolean isTimely; // of two that wait each would be followed by another

    private Telling(long deadlineNanos, boolean isTimely) {
      this.deadlineNanos = deadlineNanos;
      this.isTimely = isTimely;
    }

    @Override
    public long deadlineNanos() {
      return deadlineNanos;
    }

    @Override
    public boolean isDone() {
      return false;
    }

    @Override
    public void expire() {
      if (isTimely) {
        isToBeTold.set(false); // first: whoever comes now is told this time or next
      }
      tell();
    }
  }
}
