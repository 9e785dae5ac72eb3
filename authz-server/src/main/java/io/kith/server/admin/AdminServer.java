package io.kith.server.admin;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptors;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.kith.baselines.config.AdminRole;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The admin API where it listens, until closed. */
public final class AdminServer implements AutoCloseable {
  private static final int MAX_REQUEST_BYTES = 5 << 20;

  private final Server server;
  private final ExecutorService calls;
  private final @Nullable EventLoopGroup loop;
  private final @Nullable SocketFile file;

  private AdminServer(
      Server server,
      ExecutorService calls,
      @Nullable EventLoopGroup loop,
      @Nullable SocketFile file) {
    this.server = server;
    this.calls = calls;
    this.loop = loop;
    this.file = file;
  }

  /**
   * Listens on a Unix socket that only its owner and root can open; when other users have a role,
   * everybody can, and who has none may only look. A socket that nobody serves any more is
   * replaced.
   *
   * @param roles by user id
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static AdminServer onUnixSocket(
      Path path, Map<Integer, AdminRole> roles, BindableService service) throws IOException {
    var file = SocketFile.prepare(path, !roles.isEmpty());
    var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    try {
      var server =
          serving(
                  NettyServerBuilder.forAddress(new DomainSocketAddress(file.bindPath().toString()))
                      .channelType(EpollServerDomainSocketChannel.class)
                      .bossEventLoopGroup(loop)
                      .workerEventLoopGroup(loop)
                      .protocolNegotiator(new SocketPeer())
                      .withChildOption(ChannelOption.SO_KEEPALIVE, null), // it has none, and warns
                  service,
                  Caller.onUnixSocket(file.owner(), roles),
                  calls)
              .start();
      var started = new AdminServer(server, calls, loop, file);
      try {
        file.publish();
      } catch (IOException e) {
        started.close();
        throw e;
      }
      return started;
    } catch (IOException e) {
      calls.close();
      var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      file.abandon();
      throw new IOException(
          "server.admin.listen: cannot listen at unix:" + path + ": " + cause(e), e);
    }
  }

  /**
   * Listens on a port.
   *
   * @param tls mutual TLS
   * @param caller who the TLS peer is, and whether it may call
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static AdminServer onTcp(
      InetSocketAddress address, ServerCredentials tls, Caller caller, BindableService service)
      throws IOException {
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    try {
      var server =
          serving(NettyServerBuilder.forAddress(address, tls), service, caller, calls).start();
      return new AdminServer(server, calls, null, null);
    } catch (IOException e) {
      calls.close();
      throw new IOException(
          "server.admin.listen: cannot listen at " + address + ": " + cause(e), e);
    }
  }

  private static String cause(IOException failure) {
    var cause = failure.getCause() == null ? failure : failure.getCause();
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  private static Server serving(
      NettyServerBuilder builder, BindableService service, Caller caller, ExecutorService calls) {
    return builder
        .executor(calls)
        .maxInboundMessageSize(MAX_REQUEST_BYTES)
        .addService(ServerInterceptors.intercept(service, new Caller.Interceptor(caller)))
        .build();
  }

  /** The port that it listens on, or -1 for a Unix socket. */
  public int port() {
    return server.getPort();
  }

  /** Ends the calls that run, at most 2 s later, and removes the socket. */
  @Override
  public void close() {
    if (file != null) {
      file.remove();
    }
    server.shutdown();
    try {
      if (!server.awaitTermination(2, TimeUnit.SECONDS)) {
        server.shutdownNow();
      }
    } catch (InterruptedException _) {
      server.shutdownNow();
      Thread.currentThread().interrupt();
    }
    calls.shutdownNow();
    if (loop != null) {
      var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
