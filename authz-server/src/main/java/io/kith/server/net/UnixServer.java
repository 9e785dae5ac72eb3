package io.kith.server.net;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A gRPC server behind a Unix socket, until closed. */
public final class UnixServer implements AutoCloseable {
  /** The most that the closing of connections may take. */
  private static final Duration CLOSED = Duration.ofSeconds(2);

  private final Server server;
  private final @Nullable EventLoopGroup own;
  private final SocketFile file;

  private UnixServer(Server server, @Nullable EventLoopGroup own, SocketFile file) {
    this.server = server;
    this.own = own;
    this.file = file;
  }

  /** What is served. */
  @FunctionalInterface
  public interface Services {
    /**
     * Makes the server.
     *
     * @param owner user id of this process
     */
    NettyServerBuilder at(SocketAddress address, int owner);
  }

  /**
   * Listens on a Unix socket, with a thread of its own. One that nobody serves any more is
   * replaced.
   *
   * @param key of the configuration that has the path, for messages
   * @param access who may connect
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static UnixServer start(String key, Path path, SocketFile.Access access, Services services)
      throws IOException {
    var own = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    try {
      return listen(own, own, key, path, access, services);
    } catch (IOException e) {
      end(own);
      throw e;
    }
  }

  /**
   * The same, with threads that others use too.
   *
   * @param loops of epoll; stay the caller's to end
   */
  static UnixServer start(
      EventLoopGroup loops, String key, Path path, SocketFile.Access access, Services services)
      throws IOException {
    return listen(loops, null, key, path, access, services);
  }

  private static UnixServer listen(
      EventLoopGroup loops,
      @Nullable EventLoopGroup own,
      String key,
      Path path,
      SocketFile.Access access,
      Services services)
      throws IOException {
    var file = SocketFile.prepare(key, path, access);
    return file.listen(
        at -> {
          var server =
              services
                  .at(at, file.owner())
                  .channelType(EpollServerDomainSocketChannel.class)
                  .bossEventLoopGroup(loops)
                  .workerEventLoopGroup(loops)
                  .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
                  .build()
                  .start();
          return new UnixServer(server, own, file);
        },
        UnixServer::close);
  }

  private static void end(EventLoopGroup loops) {
    var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  /** What serves; ended with {@link #close}. */
  public Server server() {
    return server;
  }

  /** Removes the socket, and ends the calls that run a grace later. */
  public void close(Duration grace) {
    file.remove();
    stop(server, grace);
    if (own != null) {
      end(own);
    }
  }

  @Override
  public void close() {
    close(Duration.ZERO);
  }

  /**
   * Takes no more calls, and ends those that run a grace later; for any server. Returns when its
   * connections are closed: one whose threads end before stays open, and its callers wait.
   */
  public static void stop(Server server, Duration grace) {
    server.shutdown();
    try {
      if (!server.awaitTermination(grace.toMillis(), TimeUnit.MILLISECONDS)) {
        server.shutdownNow();
        var _ = server.awaitTermination(CLOSED.toMillis(), TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException _) {
      server.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
