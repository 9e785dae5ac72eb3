package io.kith.server.http;

import io.grpc.Attributes;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.ServerChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollChannelOption;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.group.ChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.group.DefaultChannelGroup;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpServerCodec;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.concurrent.GlobalEventExecutor;
import io.kith.server.net.ConnectionLimit;
import io.kith.server.net.SocketFile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * gRPC services as HTTP/1.1 with JSON, until closed: a request is transcoded by the rules of {@code
 * google.api.http} and calls the method with its interceptors. A stream is one JSON document for
 * each line.
 */
public final class JsonServer implements AutoCloseable {
  private static final int MAX_LINE = 8 << 10;
  private static final int MAX_HEADERS = 16 << 10;
  private static final int MAX_CHUNK = 8 << 10;

  private static final int MAX_CONNECTIONS = 256;

  /** Of silence, after which the kernel asks whether the peer is still there. */
  private static final int KEEP_ALIVE_SECONDS = 30;

  private static final int KEEP_ALIVE_AGAIN_SECONDS = 10;
  private static final int KEEP_ALIVES = 3;

  /** Who is at the other end. */
  @FunctionalInterface
  public interface Peer {
    /** As the attributes of a gRPC transport would say it. */
    Attributes of(Channel channel);
  }

  /**
   * What is served.
   *
   * @param documents JSON texts by path, for everybody
   */
  public record Services(
      List<ServerServiceDefinition> services, Peer peer, Map<String, String> documents) {
    public Services {
      services = List.copyOf(services);
      documents = Map.copyOf(documents);
    }
  }

  private final EventLoopGroup loop;
  private final ExecutorService calls;
  private final Channel channel;
  private final ChannelGroup connections;
  private final @Nullable SocketFile file;

  private JsonServer(
      EventLoopGroup loop,
      ExecutorService calls,
      Channel channel,
      ChannelGroup connections,
      @Nullable SocketFile file) {
    this.loop = loop;
    this.calls = calls;
    this.channel = channel;
    this.connections = connections;
    this.file = file;
  }

  /**
   * Listens on a Unix socket. A socket that nobody serves any more is replaced.
   *
   * @param key of the configuration that has the path, for messages
   * @param access who may connect
   * @param services by the user id of this process
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static JsonServer onUnixSocket(
      String key, Path path, SocketFile.Access access, IntFunction<Services> services)
      throws IOException {
    var file = SocketFile.prepare(key, path, access);
    return file.listen(
        at ->
            start(
                EpollServerDomainSocketChannel.class, at, null, services.apply(file.owner()), file),
        JsonServer::close);
  }

  /**
   * Listens on a port.
   *
   * @param key of the configuration that has the address, for messages
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static JsonServer onTcp(
      String key, InetSocketAddress address, SslContext tls, Services services) throws IOException {
    try {
      return start(EpollServerSocketChannel.class, address, tls, services, null);
    } catch (IOException e) {
      throw new IOException(key + ": cannot listen at " + address + ": " + e.getMessage(), e);
    }
  }

  private static JsonServer start(
      Class<? extends ServerChannel> type,
      SocketAddress address,
      @Nullable SslContext tls,
      Services services,
      @Nullable SocketFile file)
      throws IOException {
    var routes = Routes.of(services.services());
    var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    var connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    var limit = new ConnectionLimit(MAX_CONNECTIONS);
    var bootstrap = new ServerBootstrap();
    if (file == null) {
      keepAlive(bootstrap);
    }
    var bound =
        bootstrap
            .group(loop)
            .channel(type)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    var place = limit.admit(connection);
                    if (place == null) {
                      return;
                    }
                    connections.add(connection);
                    if (tls != null) {
                      connection.pipeline().addLast(tls.newHandler(connection.alloc()));
                    }
                    connection
                        .pipeline()
                        .addLast(
                            new HttpServerCodec(MAX_LINE, MAX_HEADERS, MAX_CHUNK),
                            new HttpHandler(
                                routes, services.peer(), services.documents(), calls, place));
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (bound.isSuccess()) {
      return new JsonServer(loop, calls, bound.channel(), connections, file);
    }
    calls.close();
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    var cause = bound.cause();
    throw new IOException(cause == null ? "the bind failed" : cause.getMessage(), cause);
  }

  /** A peer that went away without a word would have its stream, and its place, for ever. */
  private static void keepAlive(ServerBootstrap bootstrap) {
    bootstrap
        .childOption(ChannelOption.SO_KEEPALIVE, true)
        .childOption(EpollChannelOption.TCP_KEEPIDLE, KEEP_ALIVE_SECONDS)
        .childOption(EpollChannelOption.TCP_KEEPINTVL, KEEP_ALIVE_AGAIN_SECONDS)
        .childOption(EpollChannelOption.TCP_KEEPCNT, KEEP_ALIVES);
  }

  /** The port that it listens on, or -1 for a Unix socket. */
  public int port() {
    return channel.localAddress() instanceof InetSocketAddress address ? address.getPort() : -1;
  }

  /** Takes no more requests, ends those that run, and removes the socket. */
  @Override
  public void close() {
    if (file != null) {
      file.remove();
    }
    var _ = channel.close().awaitUninterruptibly();
    var _ = connections.close().awaitUninterruptibly();
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    calls.shutdownNow();
  }
}
