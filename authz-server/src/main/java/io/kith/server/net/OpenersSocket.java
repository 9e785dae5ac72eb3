package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollChannelOption;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.group.ChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.group.DefaultChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketReadMode;
import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import io.grpc.netty.shaded.io.netty.util.ReferenceCountUtil;
import io.grpc.netty.shaded.io.netty.util.concurrent.GlobalEventExecutor;
import io.kith.server.bridge.OpenerTables;
import io.kith.server.check.BoundedLog;
import io.kith.server.rpc.EventLoops;
import io.kith.spiffe.frames.Descriptors;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Where the bridge of this node hands over the table of who opened which connection, until closed:
 * one descriptor on each connection, which is closed then.
 */
final class OpenersSocket implements AutoCloseable {
  /*
   * Whoever may write to the folder may put another socket in this one's place, or hand over what he
   * likes here. Neither makes a table: that is the map whose number the bridge named, having proved who
   * it is, and the number is the kernel's word.
   *
   * What he hands over is closed here, and that may take as long as he likes: a socket may linger.
   * So there is a thread for it that nobody else waits for.
   */

  private static final BoundedLog LOG = new BoundedLog(OpenersSocket.class, 1);

  /** Connections at a time; one more is closed. */
  static final int MAX_CONNECTIONS = 16;

  /** So long a connection may carry nothing. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** So long it is waited for what is handed over when all is closed. */
  private static final Duration FAREWELL = Duration.ofSeconds(1);

  private final EventLoops loops = EventLoops.apart("kith-openers");
  private final OpenerTables tables = new OpenerTables(loops.group());
  private final ChannelGroup connections =
      new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
  private @Nullable Channel channel;
  private @Nullable SocketFile file;

  private OpenersSocket() {}

  /**
   * Listens. Null where it cannot, which is logged, or the path is too long to have another beside
   * it.
   *
   * @param key of the configuration that has the path, for messages
   * @param grpc where the same bridges attach by gRPC
   */
  static @Nullable OpenersSocket start(String key, Path grpc) {
    var path = Descriptors.socketBeside(grpc);
    if (path == null) {
      return null;
    }
    var socket = new OpenersSocket();
    try {
      var at = SocketFile.prepare(key, path, SocketFile.Access.GROUP);
      socket.channel = at.listen(socket::bind, OpenersSocket::close);
      socket.file = at;
      return socket;
    } catch (IOException e) {
      LOG.log(
          Level.WARNING,
          "no table of openers is taken: bridges are asked about each connection",
          Map.of("problem", String.valueOf(e.getMessage())),
          null);
      socket.close();
      return null;
    }
  }

  private Channel bind(DomainSocketAddress address) throws IOException {
    var bound =
        new ServerBootstrap()
            .group(loops.group())
            .channel(EpollServerDomainSocketChannel.class)
            .childOption(
                EpollChannelOption.DOMAIN_SOCKET_READ_MODE, DomainSocketReadMode.FILE_DESCRIPTORS)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    accept(connection);
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (bound.isSuccess()) {
      return bound.channel();
    }
    throw new IOException("the bind failed", bound.cause());
  }

  private void accept(Channel connection) {
    connections.add(connection);
    if (connections.size() > MAX_CONNECTIONS) {
      close(connection);
      return;
    }
    var loop = connection.eventLoop();
    var patience =
        loop.schedule(() -> close(connection), PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    var _ = connection.closeFuture().addListener(_ -> patience.cancel(false));
    connection
        .pipeline()
        .addLast(
            new ChannelInboundHandlerAdapter() {
              @Override
              public void channelRead(ChannelHandlerContext context, Object message) {
                if (message instanceof FileDescriptor descriptor) {
                  take(descriptor);
                } else {
                  ReferenceCountUtil.release(message);
                }
                close(connection);
              }

              @Override
              public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
                close(connection);
              }
            });
  }

  private static void close(Channel channel) {
    var _ = channel.close();
  }

  private void take(FileDescriptor descriptor) {
    var map = HandedMap.of(descriptor);
    if (map != null) {
      tables.handedOver(map);
    }
  }

  /** What is handed over here. */
  OpenerTables tables() {
    return tables;
  }

  @Override
  public void close() {
    if (file != null) {
      file.remove();
    }
    if (channel != null) {
      var _ = channel.close().awaitUninterruptibly(FAREWELL.toMillis());
    }
    var _ = connections.close().awaitUninterruptibly(FAREWELL.toMillis());
    tables.close();
    loops.close();
  }
}
