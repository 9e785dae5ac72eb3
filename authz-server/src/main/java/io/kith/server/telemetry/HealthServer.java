package io.kith.server.telemetry;

import static java.util.Objects.requireNonNull;

import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpObjectAggregator;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpServerCodec;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * {@code /healthz}, {@code /readyz} and {@code /metrics} over plain HTTP, one request for each
 * connection.
 *
 * <p>Healthy is a process that answers; ready is one that should get Checks. Whoever reaches the
 * port can keep it from nobody else: of more connections than it has the eldest are closed, a
 * request is there within seconds or not heard, and the metrics are gathered five times a second at
 * most.
 */
public final class HealthServer implements AutoCloseable {
  /** Connections at a time. */
  public static final int MAX_CONNECTIONS = 64;

  private static final int MAX_LINE = 4 << 10;
  private static final int MAX_HEADERS = 8 << 10;
  private static final int MAX_BODY = 1 << 10;

  private final EventLoopGroup loop;
  private final ExecutorService requests = Executors.newVirtualThreadPerTaskExecutor();
  private final Channel channel;
  private volatile Supplier<String> notReady;

  /** From the eldest; used by the loop's thread. */
  private final Set<Channel> connections = new LinkedHashSet<>();

  /**
   * Serves at once.
   *
   * @param notReady why the server is not ready, in words; empty when it is
   * @throws IOException when the address cannot be bound
   */
  public HealthServer(InetSocketAddress address, Supplier<String> notReady, Metrics metrics)
      throws IOException {
    this.notReady = requireNonNull(notReady, "notReady");
    requireNonNull(metrics, "metrics");
    loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var texts = new GatheredMetrics(metrics, loop.next(), requests);
    var bound =
        new ServerBootstrap()
            .group(loop)
            .channel(EpollServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    admit(connection);
                    connection
                        .pipeline()
                        .addLast(
                            new HttpServerCodec(MAX_LINE, MAX_HEADERS, MAX_BODY),
                            new HttpObjectAggregator(MAX_BODY),
                            new HealthHandler(
                                () -> HealthServer.this.notReady.get(), texts, requests));
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    channel = bound.channel();
    if (!bound.isSuccess()) {
      close();
      var cause = requireNonNull(bound.cause(), "cause");
      throw new IOException(
          cause.getMessage() == null ? cause.toString() : cause.getMessage(), cause);
    }
  }

  /** Closes the eldest in place of one more, which may be the kubelet's. */
  private void admit(Channel connection) {
    if (connections.size() >= MAX_CONNECTIONS) {
      var eldest = connections.iterator().next();
      connections.remove(eldest);
      var _ = eldest.close();
    }
    connections.add(connection);
    var _ = connection.closeFuture().addListener(_ -> connections.remove(connection));
  }

  /**
   * Says from now on something else of whether the server is ready.
   *
   * @param notReady why it is not, in words; empty when it is
   */
  public void says(Supplier<String> notReady) {
    this.notReady = requireNonNull(notReady, "notReady");
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) channel.localAddress();
  }

  @Override
  public void close() {
    var _ = channel.close().awaitUninterruptibly();
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS); // which ends all connections
    requests.shutdownNow();
  }
}
