package io.kith.server.admin;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.stub.MetadataUtils;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A client's connection to an admin API. */
public final class AdminClient implements AutoCloseable {
  /** A call that is refused as too often is made once more, when the server says. */
  private static final Map<String, ?> RETRY =
      Map.of(
          "methodConfig",
          List.of(
              Map.of(
                  "name",
                  List.of(Map.of("service", AdminServiceGrpc.SERVICE_NAME)),
                  "retryPolicy",
                  Map.of(
                      "maxAttempts",
                      2.0,
                      "initialBackoff",
                      "1s",
                      "maxBackoff",
                      "1s",
                      "backoffMultiplier",
                      1.0,
                      "retryableStatusCodes",
                      List.of("RESOURCE_EXHAUSTED")))));

  /** The largest request, so that it can be sent again. */
  private static final int MAX_REQUEST_BYTES = 5 << 20;

  /** All edges of 10,000 workloads, at a kilobyte each. */
  private static final int MAX_ANSWER_BYTES = 512 << 20;

  static final String AUTHORITY = "kith-admin";

  private final Runnable end;
  private final AdminServiceBlockingStub stub;

  private AdminClient(Channel channel, Runnable end, String user, @Nullable String token) {
    this.end = end;
    var headers = new Metadata();
    headers.put(Caller.USER, user);
    if (token != null) {
      headers.put(Caller.AUTHORIZATION, "Bearer " + token);
    }
    this.stub =
        AdminServiceGrpc.newBlockingStub(
            ClientInterceptors.intercept(
                channel, MetadataUtils.newAttachHeadersInterceptor(headers)));
  }

  /**
   * Begins, on a thread of its own, with what takes longest before a call over a Unix socket: a
   * verb reads its configuration meanwhile. Headers of gRPC make a logger, and the first one has
   * the JVM look through all archives. What fails here the call itself will tell.
   */
  public static void prepare() {
    var _ = Thread.ofPlatform().daemon().name("kith-prepare").start(AdminClient::begin);
  }

  private static void begin() {
    toUnixSocket(Path.of("never-called"), "").close();
    UnixSocketChannel.prepare();
  }

  /**
   * Over a Unix socket.
   *
   * @param user name for the audit record
   */
  public static AdminClient toUnixSocket(Path path, String user) {
    var others = new Others(path);
    return new AdminClient(
        new UnixSocketChannel(path, MAX_ANSWER_BYTES, others::get), others::close, user, null);
  }

  /** By gRPC for Java, which is not begun with before it is needed. */
  private static final class Others {
    private final Path path;
    private @Nullable ManagedChannel channel;
    private @Nullable EventLoopGroup loop;

    private Others(Path path) {
      this.path = path;
    }

    synchronized Channel get() {
      var there = channel;
      if (there == null) {
        var own = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        there =
            built(
                NettyChannelBuilder.forAddress(new DomainSocketAddress(path.toString()))
                    .channelType(EpollDomainSocketChannel.class, DomainSocketAddress.class)
                    .eventLoopGroup(own)
                    .usePlaintext()
                    .withOption(ChannelOption.SO_KEEPALIVE, null)); // it has none, and warns
        loop = own;
        channel = there;
      }
      return there;
    }

    synchronized void close() {
      if (channel != null) {
        channel.shutdownNow();
      }
      if (loop != null) {
        var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      }
    }
  }

  private static ManagedChannel built(NettyChannelBuilder channel) {
    return channel
        .overrideAuthority(AUTHORITY)
        .defaultServiceConfig(RETRY)
        .perRpcBufferLimit(MAX_REQUEST_BYTES)
        .maxInboundMessageSize(MAX_ANSWER_BYTES)
        .build();
  }

  /** Over mutual TLS. */
  public static AdminClient toTcp(String host, int port, ChannelCredentials tls, String user) {
    return toTcp(host, port, tls, user, null);
  }

  /**
   * Over TLS.
   *
   * @param token of an OpenID Connect issuer, or null
   */
  public static AdminClient toTcp(
      String host, int port, ChannelCredentials tls, String user, @Nullable String token) {
    var channel = built(NettyChannelBuilder.forAddress(host, port, tls));
    return new AdminClient(channel, channel::shutdownNow, user, token);
  }

  /** The service; each call gets at most half a minute. */
  public AdminServiceBlockingStub service() {
    return stub.withDeadlineAfter(30, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    end.run();
  }
}
