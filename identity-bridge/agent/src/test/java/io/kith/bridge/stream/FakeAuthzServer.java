package io.kith.bridge.stream;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Protocol;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Welcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A server on loopback that says Welcome and otherwise only what a test tells it to. */
public final class FakeAuthzServer implements AutoCloseable {
  private static final EventLoopGroup LOOP =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("fake-server", true), EpollIoHandler.newFactory());

  private final BlockingQueue<BridgeMessage> received = new LinkedBlockingQueue<>();
  private final AtomicReference<@Nullable StreamObserver<ServerMessage>> bridge =
      new AtomicReference<>();
  private final AtomicReference<@Nullable StreamObserver<ServerMessage>> older =
      new AtomicReference<>();
  private final Server server;
  private final @Nullable Socket kept; // its port, until it is closed
  private final int port;
  private final AtomicInteger connections = new AtomicInteger();
  private volatile boolean connected;

  public FakeAuthzServer() throws IOException {
    this(keptPort());
  }

  private FakeAuthzServer(Socket kept) throws IOException {
    this.kept = kept;
    this.port = kept.getLocalPort();
    server =
        Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
            .addService(new Service())
            .build()
            .start();
  }

  /**
   * A port that nobody else is given while there is no server: whoever connects to it is refused,
   * since it is not listened at, and a server may listen at it beside this.
   */
  private static Socket keptPort() throws IOException {
    var kept = new Socket();
    kept.setReuseAddress(true);
    kept.bind(new InetSocketAddress(0));
    return kept;
  }

  /** At a Unix socket, whose file stays when it is closed. */
  FakeAuthzServer(Path socket) throws IOException {
    kept = null;
    server =
        NettyServerBuilder.forAddress(
                new DomainSocketAddress(socket.toString()), InsecureServerCredentials.create())
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(LOOP)
            .workerEventLoopGroup(LOOP)
            .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
            .addService(new Service())
            .addTransportFilter(
                new ServerTransportFilter() {
                  @Override
                  public Attributes transportReady(Attributes attributes) {
                    connections.incrementAndGet();
                    connected = true;
                    return attributes;
                  }

                  @Override
                  public void transportTerminated(@Nullable Attributes attributes) {
                    if (attributes != null) { // else it was never ready
                      connections.decrementAndGet();
                    }
                  }
                })
            .build()
            .start();
    this.port = server.getPort();
  }

  private final class Service extends BridgeServiceGrpc.BridgeServiceImplBase {
    @Override
    public StreamObserver<BridgeMessage> attach(StreamObserver<ServerMessage> toBridge) {
      older.set(bridge.getAndSet(toBridge));
      toBridge.onNext(
          ServerMessage.newBuilder()
              .setWelcome(Welcome.newBuilder().setProtocolVersion(1).setServerVersion("fake"))
              .build());
      return new StreamObserver<>() {
        @Override
        public void onNext(BridgeMessage message) {
          received.add(message);
        }

        @Override
        public void onError(Throwable failure) {
          // the bridge hung up
        }

        @Override
        public void onCompleted() {
          toBridge.onCompleted();
        }
      };
    }
  }

  public Endpoint.Tcp endpoint() {
    return new Endpoint.Tcp("127.0.0.1", port);
  }

  /** Has a node follow this server. */
  public BridgeStream follow(NodeView node, Consumer<BridgeStream.Event> events) {
    var stream = hold(node, events);
    stream.begin();
    return stream;
  }

  /** Has a node connect to this server, and say nothing yet. */
  BridgeStream hold(NodeView node, Consumer<BridgeStream.Event> events) {
    return BridgeStream.hold(
        endpoint(),
        new BridgeStream.Credentials(InsecureChannelCredentials.create(), null),
        "node-1",
        "test",
        node,
        (_, task) -> task.run(),
        events);
  }

  public void ask(long id, String source, int sourcePort, String destination, int destinationPort) {
    ask(query(id, source, sourcePort, destination, destinationPort));
  }

  /** The same, of a server that waits so long. */
  public void ask(
      long id,
      String source,
      int sourcePort,
      String destination,
      int destinationPort,
      Duration patience) {
    ask(
        query(id, source, sourcePort, destination, destinationPort).toBuilder()
            .setTimeoutMillis((int) patience.toMillis())
            .build());
  }

  static Query query(
      long id, String source, int sourcePort, String destination, int destinationPort) {
    return Query.newBuilder()
        .setId(id)
        .setProtocol(Protocol.PROTOCOL_TCP)
        .setSourceAddress(bytes(source))
        .setSourcePort(sourcePort)
        .setDestinationAddress(bytes(destination))
        .setDestinationPort(destinationPort)
        .setTimeoutMillis(20_000)
        .build();
  }

  void ask(Query query) {
    requireNonNull(bridge.get()).onNext(ServerMessage.newBuilder().setQuery(query).build());
  }

  /** Says something. */
  public void say(ServerMessage message) {
    requireNonNull(bridge.get()).onNext(message);
  }

  public static ByteString bytes(String address) {
    return ByteString.copyFrom(IpAddress.parse(address).bytes());
  }

  /** The next message, waiting up to a minute for it. */
  public BridgeMessage next() throws InterruptedException {
    var message = received.poll(60, TimeUnit.SECONDS);
    if (message == null) {
      throw new AssertionError("the bridge said nothing for a minute");
    }
    return message;
  }

  /** The next message of a kind; others are dropped. */
  public BridgeMessage next(BridgeMessage.MessageCase kind) throws InterruptedException {
    var message = next();
    while (message.getMessageCase() != kind) {
      message = next();
    }
    return message;
  }

  /** Whether anybody ever connected, to a Unix socket. */
  boolean connected() {
    return connected;
  }

  /** How many connections there are now, to a Unix socket. */
  int connections() {
    return connections.get();
  }

  /** Messages that nobody took yet. */
  int heard() {
    return received.size();
  }

  void cut() {
    requireNonNull(bridge.get()).onCompleted();
  }

  /** Asks on the stream before the last one. */
  void askOlder(Query query) {
    requireNonNull(older.get()).onNext(ServerMessage.newBuilder().setQuery(query).build());
  }

  /** Ends the stream before the last one, as a server does that was told the pods on the last. */
  void endOlder() {
    requireNonNull(older.get())
        .onError(Status.ABORTED.withDescription("attached again").asRuntimeException());
  }

  /** Goes away, and returns when it is gone; its port stays its own. */
  void leave() {
    server.shutdownNow();
    try {
      server.awaitTermination(1, TimeUnit.MINUTES);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Another one at the port of this, which has left. */
  FakeAuthzServer successor() throws IOException {
    return new FakeAuthzServer(requireNonNull(kept, "a port"));
  }

  @Override
  public void close() {
    leave();
    if (kept != null) {
      try {
        kept.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
