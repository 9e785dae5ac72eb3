package io.kith.spiffe.frames;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelException;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * The way to a {@link FrameServer}, on which one stream is opened as a stub of gRPC opens one: who
 * speaks on it need not know which of the two it is. Thread-safe.
 *
 * @param <I> what comes in
 * @param <O> what is sent
 */
public final class FrameChannel<I, O extends MessageLite> {
  /** One daemon thread for all streams of a process. */
  private static final class Loop {
    private static final EventLoopGroup GROUP =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("kith-frames", true), EpollIoHandler.newFactory());
  }

  /** What serves the ways of this process to others. */
  static EventLoopGroup loop() {
    return Loop.GROUP;
  }

  private static final Logger LOG = Logger.getLogger(FrameChannel.class.getName());
  private static final Duration FIRST_DELAY = Duration.ofMillis(250);
  private static final int MAX_DOUBLINGS = 5; // 8 s

  private final SocketAddress address;
  private final SslContext tls;
  private final Parser<I> parser;
  private final int most;
  private final FrameStream.Pulse pulse;
  private @Nullable Connection connection; // guarded by this
  private int connections; // guarded by this; so far
  private long again; // guarded by this; by System.nanoTime

  /**
   * Not connected yet.
   *
   * @param address of a Unix socket or a port
   * @param parser of what comes in
   * @param most octets of a message that comes in; a longer one ends the stream
   */
  public FrameChannel(SocketAddress address, SslContext tls, Parser<I> parser, int most) {
    this(address, tls, parser, most, FrameStream.Pulse.USUAL);
  }

  FrameChannel(
      SocketAddress address, SslContext tls, Parser<I> parser, int most, FrameStream.Pulse pulse) {
    this.address = requireNonNull(address, "address");
    this.tls = requireNonNull(tls, "tls");
    this.parser = requireNonNull(parser, "parser");
    this.most = most;
    this.pulse = pulse;
  }

  /** Begins to connect, where it is not or was cut, the more seldom the more often that was. */
  public synchronized void connect() {
    var open = connection;
    if (open == null || (open.why != null && System.nanoTime() - again >= 0)) {
      try {
        connected();
      } catch (ChannelException e) { // too many files are open
        LOG.log(Level.FINE, "no connection", e);
      }
    }
  }

  private Connection connected() {
    var open = connection;
    if (open == null || open.why != null) {
      open = new Connection();
      open.begin();
      connection = open;
      var delay = FIRST_DELAY.multipliedBy(1L << Math.min(connections++, MAX_DOUBLINGS));
      again = System.nanoTime() + delay.toNanos();
    }
    return open;
  }

  /**
   * Opens the stream; called once. Messages may be sent from when the observer's handler of
   * readiness is called, by the thread that brings it messages.
   */
  public void attach(ClientResponseObserver<O, I> observer) {
    Connection open;
    try {
      synchronized (this) {
        open = connected();
      }
    } catch (ChannelException e) { // too many files are open
      observer.onError(Status.UNAVAILABLE.withCause(e).asRuntimeException());
      return;
    }
    observer.beforeStart(open.call);
    open.stream.execute(() -> open.attach(observer));
  }

  /** Cuts what there is. */
  public synchronized void close() {
    if (connection != null) {
      connection.stream.cut();
    }
  }

  /** One connection, before and after a stream is opened on it. */
  private final class Connection implements FrameStream.Speaker<I> {
    private final Channel channel =
        address instanceof DomainSocketAddress
            ? new EpollDomainSocketChannel()
            : new EpollSocketChannel();
    private final FrameStream<I, O> stream = new FrameStream<>(channel, parser, _ -> this, pulse);
    private final Call call = new Call(this);
    private volatile @Nullable Status why; // of its end
    private @Nullable ClientResponseObserver<O, I> observer; // of the stream's thread
    private boolean begun; // of the stream's thread

    private void begin() {
      var _ =
          new Bootstrap()
              .group(Loop.GROUP)
              .channelFactory(() -> channel)
              .handler(
                  new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel connection) {
                      stream.install(tls, most);
                    }
                  })
              .connect(address)
              .addListener(
                  connected -> {
                    if (!connected.isSuccess()) {
                      stream.failed(address, connected.cause());
                    }
                  });
    }

    private void attach(ClientResponseObserver<O, I> observer) {
      this.observer = observer;
      if (why != null) {
        ended(why);
      } else if (begun) {
        call.ready.run();
      }
    }

    @Override
    public void begins(SSLSession session, SocketAddress remote) {
      begun = true;
      if (observer != null) {
        call.ready.run();
      }
    }

    @Override
    public void message(I message) {
      if (observer != null && call.cancelled == null) {
        observer.onNext(message);
      }
    }

    @Override
    public void ready() {
      if (observer != null) {
        call.ready.run();
      }
    }

    @Override
    public void ended(Status told) {
      why = told;
      if (observer == null) {
        return;
      }
      if (call.cancelled != null) {
        observer.onError(call.cancelled.asRuntimeException());
      } else if (told.isOk()) {
        observer.onCompleted();
      } else {
        observer.onError(told.asRuntimeException());
      }
    }
  }

  /** What gRPC gives to those who open a stream. */
  private final class Call extends ClientCallStreamObserver<O> {
    private final Connection connection;
    private volatile Runnable ready = () -> {};
    private volatile @Nullable Status cancelled;

    private Call(Connection connection) {
      this.connection = connection;
    }

    @Override
    public boolean isReady() {
      return connection.stream.isReady();
    }

    @Override
    public void setOnReadyHandler(Runnable handler) {
      ready = handler;
    }

    @Override
    public void onNext(O message) {
      connection.stream.send(message);
    }

    @Override
    public void onError(Throwable why) {
      connection.stream.end(Status.fromThrowable(why));
    }

    @Override
    public void onCompleted() {
      connection.stream.end(Status.OK);
    }

    @Override
    public void cancel(@Nullable String message, @Nullable Throwable cause) {
      cancelled = Status.CANCELLED.withDescription(message).withCause(cause);
      connection.stream.cut();
    }

    /** Messages come as they are sent. */
    @Override
    public void request(int count) {}

    @Override
    public void disableAutoInboundFlowControl() {
      throw new UnsupportedOperationException("messages come as they are sent");
    }

    /** They are never compressed. */
    @Override
    public void setMessageCompression(boolean enable) {}
  }
}
