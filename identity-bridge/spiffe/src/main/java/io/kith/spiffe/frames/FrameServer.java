package io.kith.spiffe.frames;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.group.ChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.group.DefaultChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;

/** An address each of whose connections carries a {@link FrameStream}, until closed. */
public final class FrameServer implements AutoCloseable {
  private final Channel channel;
  private final ChannelGroup connections;

  private FrameServer(Channel channel, ChannelGroup connections) {
    this.channel = channel;
    this.connections = connections;
  }

  /**
   * Listens.
   *
   * @param loops that serve its connections; not closed with it
   * @param address of a Unix socket that is not there yet, or of a port
   * @param parser of what comes in
   * @param most octets of a message; a longer one ends its stream
   * @throws IOException when it cannot be had; the message is of the system
   */
  public static <I, O extends MessageLite> FrameServer start(
      EventLoopGroup loops,
      SocketAddress address,
      SslContext tls,
      Parser<I> parser,
      int most,
      FrameStream.Speakers<I, O> speakers)
      throws IOException {
    return start(loops, address, tls, parser, most, speakers, FrameStream.Pulse.USUAL);
  }

  static <I, O extends MessageLite> FrameServer start(
      EventLoopGroup loops,
      SocketAddress address,
      SslContext tls,
      Parser<I> parser,
      int most,
      FrameStream.Speakers<I, O> speakers,
      FrameStream.Pulse pulse)
      throws IOException {
    var connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
    var bound =
        new ServerBootstrap()
            .group(loops)
            .channel(
                address instanceof DomainSocketAddress
                    ? EpollServerDomainSocketChannel.class
                    : EpollServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    connections.add(connection);
                    new FrameStream<>(connection, parser, speakers, pulse).install(tls, most);
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (bound.isSuccess()) {
      return new FrameServer(bound.channel(), connections);
    }
    var cause = bound.cause();
    throw cause instanceof IOException failed
        ? failed
        : new IOException(cause == null ? "the bind failed" : cause.getMessage(), cause);
  }

  /** The port, or -1 of a Unix socket. */
  public int port() {
    return channel.localAddress() instanceof InetSocketAddress address ? address.getPort() : -1;
  }

  /** Takes no more connections, and cuts those that there are. */
  @Override
  public void close() {
    var _ = channel.close().awaitUninterruptibly();
    var _ = connections.close().awaitUninterruptibly();
  }
}
