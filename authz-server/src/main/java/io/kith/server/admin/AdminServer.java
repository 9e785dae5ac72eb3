package io.kith.server.admin;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.kith.baselines.config.AdminRole;
import io.kith.server.net.UnixServer;
import io.kith.server.rpc.FirstLook;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** The admin API where it listens, until closed. */
public final class AdminServer implements AutoCloseable {
  private static final String KEY = "server.admin.listen";
  private static final int MAX_REQUEST_BYTES = 5 << 20;
  private static final Duration GRACE = Duration.ofSeconds(2);

  private final Server server;
  private final ExecutorService calls;
  private final @Nullable UnixServer unix;

  private AdminServer(Server server, ExecutorService calls, @Nullable UnixServer unix) {
    this.server = server;
    this.calls = calls;
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
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    try {
      var unix =
          UnixServer.start(
              KEY,
              path,
              Caller.access(roles),
              (address, owner) ->
                  serving(
                      NettyServerBuilder.forAddress(address)
                          .protocolNegotiator(
                              new FirstLook(
                                  InternalProtocolNegotiators.serverPlaintext(), SocketPeer::of)),
                      service,
                      Caller.onUnixSocket(owner, roles),
                      limits,
                      calls));
      return new AdminServer(unix.server(), calls, unix);
    } catch (IOException e) {
      calls.close();
      throw e;
    }
  }

  /**
   * Listens on a port.
   *
   * @param tls mutual TLS
   * @param caller who the TLS peer is, and whether it may call
   * @param limits the same for all addresses of a server
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static AdminServer onTcp(
      InetSocketAddress address,
      ServerCredentials tls,
      Caller caller,
      CallLimits limits,
      BindableService service)
      throws IOException {
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    try {
      var server =
          serving(NettyServerBuilder.forAddress(address, tls), service, caller, limits, calls)
              .build()
              .start();
      return new AdminServer(server, calls, null);
    } catch (IOException e) {
      calls.close();
      throw new IOException(KEY + ": cannot listen at " + address + ": " + cause(e), e);
    }
  }

  private static String cause(IOException failure) {
    var cause = failure.getCause() == null ? failure : failure.getCause();
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  private static NettyServerBuilder serving(
      NettyServerBuilder builder,
      BindableService service,
      Caller caller,
      CallLimits limits,
      ExecutorService calls) {
    return builder
        .executor(calls)
        .maxInboundMessageSize(MAX_REQUEST_BYTES)
        .addService(guarded(service, caller, limits))
        .addService( // so that grpcurl needs no file
            guarded(ProtoReflectionServiceV1.newInstance(), caller, limits));
  }

  /** A service that only those who may call reach, however they call. */
  static ServerServiceDefinition guarded(
      BindableService service, Caller caller, CallLimits limits) {
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
    calls.shutdownNow();
  }
}
