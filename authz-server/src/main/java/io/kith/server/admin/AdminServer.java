package io.kith.server.admin;

import io.grpc.Attributes;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.kith.baselines.config.AdminRole;
import io.kith.server.check.Deadlines;
import io.kith.server.net.ConnectionLimit;
import io.kith.server.net.UnixServer;
import io.kith.server.rpc.FirstLook;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The admin API where it listens, until closed. */
public final class AdminServer implements AutoCloseable {
  private static final String KEY = "server.admin.listen";
  private static final int MAX_REQUEST_BYTES = 5 << 20;
  private static final Duration GRACE = Duration.ofSeconds(2);

  /** Of one connection. */
  private static final int MAX_CALLS = 100;

  private static final Duration KEEP_ALIVE = Duration.ofSeconds(30);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(20);

  /** A client that asks more often whether the server is there is hung up on. */
  private static final Duration PERMIT_KEEP_ALIVE = Duration.ofSeconds(5);

  private static final Attributes.Key<ConnectionLimit.Place> PLACE =
      Attributes.Key.create("kith-admin-place");

  /**
   * How connections and requests are bounded.
   *
   * @param connections at a time; one more ends the eldest on which nobody was recognized
   * @param idle without a call, after which a connection is ended
   * @param patience for a request to come whole
   */
  record Bounds(int connections, Duration idle, Duration patience) {
    static final Bounds DEFAULT = new Bounds(256, Duration.ofMinutes(5), Duration.ofMinutes(1));
  }

  /** What calls are run with. */
  private record Workers(ExecutorService calls, Deadlines deadlines) implements AutoCloseable {
    static Workers start() {
      return new Workers(Executors.newVirtualThreadPerTaskExecutor(), new Deadlines());
    }

    @Override
    public void close() {
      calls.shutdownNow();
      deadlines.close();
    }
  }

  private final Server server;
  private final Workers workers;
  private final @Nullable UnixServer unix;

  private AdminServer(Server server, Workers workers, @Nullable UnixServer unix) {
    this.server = server;
    this.workers = workers;
    this.unix = unix;
  }

  /**
   * Listens on a Unix socket that only its owner and root can open; when other users have a role,
   * everybody can, and who has none may only look. A socket that nobody serves any more is
   * replaced.
   *
   * @param roles by user id
   * @param limits the same for all addresses of a server
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static AdminServer onUnixSocket(
      Path path, Map<Integer, AdminRole> roles, CallLimits limits, BindableService service)
      throws IOException {
    var workers = Workers.start();
    try {
      var unix =
          UnixServer.start(
              KEY,
              path,
              Caller.access(roles),
              (address, owner) ->
                  serving(
                      address,
                      InternalProtocolNegotiators.serverPlaintext(),
                      Bounds.DEFAULT,
                      uid -> uid == 0 || uid == owner,
                      service,
                      Caller.onUnixSocket(owner, roles),
                      limits,
                      workers));
      return new AdminServer(unix.server(), workers, unix);
    } catch (IOException e) {
      workers.close();
      throw e;
    }
  }

  /**
   * Listens on a port.
   *
   * @param caller who the TLS peer is, and whether it may call
   * @param limits the same for all addresses of a server
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static AdminServer onTcp(
      InetSocketAddress address,
      SslContext tls,
      Caller caller,
      CallLimits limits,
      BindableService service)
      throws IOException {
    return onTcp(
        address,
        InternalProtocolNegotiators.serverTls(tls),
        Bounds.DEFAULT,
        caller,
        limits,
        service);
  }

  /** The same, over another transport and with other bounds. */
  static AdminServer onTcp(
      InetSocketAddress address,
      InternalProtocolNegotiator.ProtocolNegotiator transport,
      Bounds bounds,
      Caller caller,
      CallLimits limits,
      BindableService service)
      throws IOException {
    var workers = Workers.start();
    try {
      var server =
          serving(address, transport, bounds, _ -> false, service, caller, limits, workers)
              .build()
              .start();
      return new AdminServer(server, workers, null);
    } catch (IOException e) {
      workers.close();
      throw new IOException(KEY + ": cannot listen at " + address + ": " + cause(e), e);
    }
  }

  private static String cause(IOException failure) {
    var cause = failure.getCause() == null ? failure : failure.getCause();
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  private static NettyServerBuilder serving(
      SocketAddress address,
      InternalProtocolNegotiator.ProtocolNegotiator transport,
      Bounds bounds,
      IntPredicate unbounded,
      BindableService service,
      Caller caller,
      CallLimits limits,
      Workers workers) {
    var open = new ConnectionLimit(bounds.connections());
    Caller recognizing =
        (connection, headers) -> {
          var known = caller.of(connection, headers);
          var place = connection.get(PLACE);
          if (place != null) {
            place.recognized();
          }
          return known;
        };
    var whole = new WholeRequests(workers.deadlines(), bounds.patience());
    return NettyServerBuilder.forAddress(address)
        .protocolNegotiator(
            new FirstLook(transport, connection -> begun(connection, open, unbounded)))
        .executor(workers.calls())
        .maxInboundMessageSize(MAX_REQUEST_BYTES)
        .maxConcurrentCallsPerConnection(MAX_CALLS)
        .maxConnectionIdle(bounds.idle().toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
        .permitKeepAliveTime(PERMIT_KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .permitKeepAliveWithoutCalls(true)
        .addService(guarded(whole.of(service), recognizing, limits))
        .addService( // so that grpcurl needs no file
            guarded(whole.of(ProtoReflectionServiceV1.newInstance()), recognizing, limits));
  }

  /** Whom others cannot keep out, since the kernel says who it is, needs no place. */
  private static Attributes begun(
      Channel connection, ConnectionLimit open, IntPredicate unbounded) {
    var peer = SocketPeer.of(connection);
    var uid = SocketPeer.uidOf(peer);
    var place = uid != null && unbounded.test(uid) ? null : open.admit(connection);
    return place == null ? peer : peer.toBuilder().set(PLACE, place).build();
  }

  /** A service that only those who may call reach, however they call. */
  static ServerServiceDefinition guarded(
      ServerServiceDefinition service, Caller caller, CallLimits limits) {
    return ServerInterceptors.intercept(service, new Caller.Interceptor(caller, limits));
  }

  /** The port that it listens on, or -1 for a Unix socket. */
  public int port() {
    return server.getPort();
  }

  /** Ends the calls that run, at most 2 s later, and removes the socket. */
  @Override
  public void close() {
    if (unix != null) {
      unix.close(GRACE);
    } else {
      UnixServer.stop(server, GRACE);
    }
    workers.close();
  }
}
