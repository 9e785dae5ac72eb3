package io.kith.server.rpc;

import static java.util.Objects.requireNonNull;

import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.ServerChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.group.ChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.group.DefaultChannelGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.handler.ssl.ApplicationProtocolNames;
import io.grpc.netty.shaded.io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslHandler;
import io.grpc.netty.shaded.io.netty.util.concurrent.GlobalEventExecutor;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.Peer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** Where Envoys connect to ask, until closed. */
public final class CheckListener implements AutoCloseable {
  private static final Logger LOG = Logger.getLogger(CheckListener.class.getName());

  /**
   * How connections are treated.
   *
   * @param messageBytes of a Check, at most; a longer one is {@code malformed}
   * @param metadataBytes of its metadata, at most, as HTTP/2 counts them
   * @param connectionAge after which a connection is ended gracefully, give or take a tenth, so
   *     that clients look for servers again
   * @param ageGrace for what is asked on it by then
   * @param patience for a Check to come whole; then it is {@code malformed}, to within that time.
   *     Also for answers to be taken: then the connection ends, to within that time
   * @param perId connections of one SPIFFE ID; one more is refused
   * @param handshakes connections whose peers have not proved who they are; one more ends the
   *     oldest
   */
  public record Limits(
      int messageBytes,
      int metadataBytes,
      Duration connectionAge,
      Duration ageGrace,
      Duration patience,
      int perId,
      int handshakes) {
    public Limits {
      if (messageBytes < 1 || metadataBytes < 1 || perId < 1 || handshakes < 1) {
        throw new IllegalArgumentException("limits (expected: positive)");
      }
      requireNonNull(connectionAge, "connectionAge");
      requireNonNull(ageGrace, "ageGrace");
      requireNonNull(patience, "patience");
    }

    /** Octets that a connection's Checks that are not whole may take: two of the longest. */
    int unfinishedOfConnection() {
      return 2 * (messageBytes + CheckStream.PREFIX);
    }

    /** Octets that those of all connections may take: eight times as many. */
    long unfinishedOfServer() {
      return 8L * unfinishedOfConnection();
    }
  }

  /**
   * Connections so far.
   *
   * @param open whose peers have proved who they are
   * @param handshakes whose peers have not yet
   * @param refused since their SPIFFE ID had as many as it may
   * @param ended unfinished handshakes that made way for newer ones
   */
  public record Connections(long open, long handshakes, long refused, long ended) {
    /** How many were ended at each limit, by its name in the configuration, for a metric. */
    public Map<String, Long> endedByLimit() {
      return Map.of("perId", refused, "handshakes", ended);
    }
  }

  /** Says who is at the other end of a connection. */
  @FunctionalInterface
  public interface Peers {
    /**
     * The peer.
     *
     * @param session of TLS, or null when the connection has none
     */
    Peer of(@Nullable SSLSession session, SocketAddress remote);
  }

  private final EventLoops loops;
  private final ChannelGroup connections;
  private final Unfinished unfinished;
  private final Admission admission;
  private final Channel channel;

  private CheckListener(
      EventLoops loops,
      ChannelGroup connections,
      Unfinished unfinished,
      Admission admission,
      Channel channel) {
    this.loops = loops;
    this.connections = connections;
    this.unfinished = unfinished;
    this.admission = admission;
    this.channel = channel;
  }

  /**
   * Listens.
   *
   * @param loops that serve its connections; closed with it, and where it cannot listen
   * @param address of a port, or of a Unix socket that is not there yet
   * @param tls with HTTP/2 among its application protocols; null: without TLS, for tests
   * @throws IOException when it cannot be had; the message is of the system
   */
  public static CheckListener start(
      EventLoops loops,
      SocketAddress address,
      @Nullable SslContext tls,
      Peers peers,
      Limits limits,
      ExtAuthzService service)
      throws IOException {
    var connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    var unfinished = new Unfinished(limits.unfinishedOfServer());
    var admission =
        new Admission(
            _ -> limits.perId(),
            "see server.connections.perId",
            limits.handshakes(),
            "see server.connections.handshakes");
    var bound =
        new ServerBootstrap()
            .group(loops.group())
            .channel(channelType(address))
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel connection) {
                    connections.add(connection);
                    if (tls == null) {
                      connection
                          .pipeline()
                          .addLast(
                              CheckConnection.of(
                                  peers.of(null, connection.remoteAddress()),
                                  limits,
                                  unfinished,
                                  service));
                    } else {
                      admission.handshake(connection);
                      connection
                          .pipeline()
                          .addLast(
                              tls.newHandler(connection.alloc()),
                              new AfterHandshake(peers, limits, unfinished, admission, service));
                    }
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (bound.isSuccess()) {
      return new CheckListener(loops, connections, unfinished, admission, bound.channel());
    }
    loops.close();
    var cause = bound.cause();
    throw cause instanceof IOException failed
        ? failed
        : new IOException(cause == null ? "the bind failed" : cause.getMessage(), cause);
  }

  private static Class<? extends ServerChannel> channelType(SocketAddress address) {
    if (address instanceof DomainSocketAddress) {
      return EpollServerDomainSocketChannel.class;
    }
    return Epoll.isAvailable() ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
  }

  /** The port, or -1 of a Unix socket. */
  public int port() {
    return channel.localAddress() instanceof InetSocketAddress address ? address.getPort() : -1;
  }

  /** How many connections there are, and how many were refused. */
  public Connections connections() {
    return admission.counts();
  }

  /**
   * How many connections were ended at each limit, as {@link Connections#endedByLimit} has them,
   * and for {@code answers} that were not taken.
   */
  public Map<String, Long> endedByLimit() {
    var ended = new HashMap<>(connections().endedByLimit());
    ended.put("answers", unfinished.untaken());
    return ended;
  }

  /** Octets held of Checks that have not come to their end. */
  long unfinishedOctets() {
    return unfinished.octets();
  }

  /** Takes nothing more and tells its clients, and ends what is still asked a grace later. */
  public void close(Duration grace) {
    var _ = channel.close().awaitUninterruptibly();
    for (var connection : connections) {
      connection.pipeline().fireUserEventTriggered(CheckConnection.Event.GO_AWAY);
    }
    var ended = connections.newCloseFuture().awaitUninterruptibly(grace.toMillis());
    if (!ended) {
      var _ = connections.close().awaitUninterruptibly();
    }
    loops.close();
  }

  /** Ends everything at once. */
  @Override
  public void close() {
    close(Duration.ZERO);
  }

  /** Makes way for HTTP/2 when the peer has proved who it is. */
  private static final class AfterHandshake extends ApplicationProtocolNegotiationHandler {
    private final Peers peers;
    private final Limits limits;
    private final Unfinished unfinished;
    private final Admission admission;
    private final ExtAuthzService service;

    AfterHandshake(
        Peers peers,
        Limits limits,
        Unfinished unfinished,
        Admission admission,
        ExtAuthzService service) {
      super("");
      this.peers = peers;
      this.limits = limits;
      this.unfinished = unfinished;
      this.admission = admission;
      this.service = service;
    }

    @Override
    protected void configurePipeline(ChannelHandlerContext context, String protocol) {
      if (!protocol.equals(ApplicationProtocolNames.HTTP_2)) {
        LOG.log(Level.FINE, "{0} does not speak HTTP/2", context.channel().remoteAddress());
        var _ = context.close();
        return;
      }
      var tls = requireNonNull(context.pipeline().get(SslHandler.class), "tls");
      var peer = peers.of(tls.engine().getSession(), context.channel().remoteAddress());
      if (!admission.admits(context.channel(), peer)) {
        var _ = context.close();
        return;
      }
      context.pipeline().addLast(CheckConnection.of(peer, limits, unfinished, service));
    }

    /** Nothing was asked yet, and would not be told that this server ends. */
    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) throws Exception {
      if (event == CheckConnection.Event.GO_AWAY) {
        var _ = context.close();
      } else {
        super.userEventTriggered(context, event);
      }
    }

    @Override
    protected void handshakeFailure(ChannelHandlerContext context, Throwable cause) {
      LOG.log(Level.FINE, cause, () -> "no handshake with " + context.channel().remoteAddress());
      var _ = context.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      LOG.log(Level.FINE, cause, () -> "connection of " + context.channel().remoteAddress());
      var _ = context.close();
    }
  }
}
