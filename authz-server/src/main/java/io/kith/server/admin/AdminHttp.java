package io.kith.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.BindableService;
import io.grpc.Grpc;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslHandler;
import io.kith.baselines.config.AdminRole;
import io.kith.server.http.JsonServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The admin API as HTTP/JSON: the calls of {@link AdminServer}, for the same callers. */
public final class AdminHttp {
  private static final String KEY = "server.admin.http.listen";

  private AdminHttp() {}

  /**
   * Listens on a Unix socket, as {@link AdminServer#onUnixSocket} does.
   *
   * @param roles by user id
   * @param limits the same for all addresses of a server
   * @throws IOException when another server listens there or the file cannot be made; the message
   *     is for people
   */
  public static JsonServer onUnixSocket(
      Path path, Map<Integer, AdminRole> roles, CallLimits limits, BindableService service)
      throws IOException {
    return JsonServer.onUnixSocket(
        KEY,
        path,
        Caller.access(roles),
        owner -> services(service, Caller.onUnixSocket(owner, roles), limits, SocketPeer::of));
  }

  /**
   * Listens on a port.
   *
   * @param caller who the TLS peer is, and whether it may call
   * @param limits the same for all addresses of a server
   * @throws IOException when the port cannot be had; the message is for people
   */
  public static JsonServer onTcp(
      InetSocketAddress address,
      SslContext tls,
      Caller caller,
      CallLimits limits,
      BindableService service)
      throws IOException {
    return JsonServer.onTcp(
        KEY, address, tls, services(service, caller, limits, AdminHttp::tlsPeer));
  }

  private static JsonServer.Services services(
      BindableService service, Caller caller, CallLimits limits, JsonServer.Peer peer) {
    return new JsonServer.Services(
        List.of(AdminServer.guarded(service.bindService(), caller, limits)),
        peer,
        Map.of("/openapi.json", openApi()));
  }

  /** The description of the paths, made of {@code admin.proto} by a test. */
  private static String openApi() {
    try (var in = AdminHttp.class.getResourceAsStream("openapi.json")) {
      return new String(requireNonNull(in, "openapi.json").readAllBytes(), UTF_8).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Attributes tlsPeer(Channel connection) {
    var tls = connection.pipeline().get(SslHandler.class);
    return tls == null
        ? Attributes.EMPTY
        : Attributes.newBuilder()
            .set(Grpc.TRANSPORT_ATTR_SSL_SESSION, tls.engine().getSession())
            .set(Grpc.TRANSPORT_ATTR_REMOTE_ADDR, connection.remoteAddress())
            .build();
  }
}
