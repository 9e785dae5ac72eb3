package io.kith.server.net;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.kith.server.rpc.EventLoops;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A gRPC server behind a Unix socket, until closed. */
public final class UnixServer implements AutoCloseable {
  /** The most that the closing of connections may take. */
  private static final Duration CLOSED = Duration.ofSeconds(2);

  private final Server server;
  private final EventLoops loops;
  private final SocketFile file;

  private UnixServer(Server server, EventLoops loops, SocketFile file) {
    this.server = server;
    this.loops = loops;
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
    return start(EventLoops.single("kith-unix"), key, path, access, services);
  }

  /**
   * The same.
   *
   * @param loops that serve its connections; closed with it, and where it cannot listen
   */
  static UnixServer start(
      EventLoops loops, String key, Path path, SocketFile.Access access, Services services)
      throws IOException {
    try {
      var file = SocketFile.prepare(key, path, access);
      return file.listen(
          at -> {
            var server =
                services
                    .at(at, file.owner())
                    .channelType(EpollServerDomainSocketChannel.class)
                    .bossEventLoopGroup(loops.group())
                    .workerEventLoopGroup(loops.group())
                    .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
                    .build()
                    .start();
            return new UnixServer(server, loops, file);
          },
          UnixServer::close);
    } catch (IOException e) {
      loops.close();
      throw e;
    }
  }

  /** What serves; ended with {@link #close}. */
  public Server server() {
    return server;
  }

  /** Removes the socket, and ends the calls that run a grace later. */
  public void close(Duration grace) {
    file.remove();
    stop(server, grace);
    loops.close();
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
