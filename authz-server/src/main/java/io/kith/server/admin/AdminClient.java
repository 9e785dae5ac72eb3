package io.kith.server.admin;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
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

  private final ManagedChannel channel;
  private final @Nullable EventLoopGroup loop;
  private final AdminServiceBlockingStub stub;

  private AdminClient(
      ManagedChannel channel, @Nullable EventLoopGroup loop, String user, @Nullable String token) {
    this.channel = channel;
    this.loop = loop;
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
   * Over a Unix socket.
   *
   * @param user name for the audit record
   */
  public static AdminClient toUnixSocket(Path path, String user) {
    var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var channel =
        NettyChannelBuilder.forAddress(new DomainSocketAddress(path.toString()))
            .channelType(EpollDomainSocketChannel.class, DomainSocketAddress.class)
            .eventLoopGroup(loop)
            .usePlaintext()
            .withOption(ChannelOption.SO_KEEPALIVE, null); // a Unix socket has none, and warns
    return new AdminClient(built(channel), loop, user, null);
  }

  /**
   * Loads what a connection needs, on a thread of its own: a verb reads its words and the
   * configuration meanwhile. What cannot be loaded the connection itself will tell.
   */
  public static void prepare() {
    var _ =
        Thread.ofPlatform()
            .daemon()
            .name("kith-prepare")
            .start(
                () -> {
                  if (Epoll.isAvailable()) {
                    toUnixSocket(Path.of("never-dialled"), "").close();
                  }
                });
  }

  private static ManagedChannel built(NettyChannelBuilder channel) {
    return channel
        .overrideAuthority("kith-admin")
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
    return new AdminClient(
        built(NettyChannelBuilder.forAddress(host, port, tls)), null, user, token);
  }

  /** The service; each call gets at most half a minute. */
  public AdminServiceBlockingStub service() {
    return stub.withDeadlineAfter(30, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    channel.shutdownNow();
    if (loop != null) {
      var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
