package io.kith.server.cli;

import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.AdminSettings.RoleEntry;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.admin.AdminHttp;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.CallLimits;
import io.kith.server.admin.Caller;
import io.kith.server.admin.TlsCaller;
import io.kith.server.http.JsonServer;
import io.kith.server.oidc.OidcTokens;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.SpiffeTls.ClientCertificate;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Clock;
import org.jspecify.annotations.Nullable;

/** The admin API on a port, between SPIFFE identities. */
final class TcpAdmin {
  private TcpAdmin() {}

  /** Serves those whose SPIFFE ID or token has a role. */
  static AdminServer serve(
      Endpoint.Tcp endpoint,
      KithConfig settings,
      X509Source source,
      @Nullable OidcTokens tokens,
      CallLimits limits,
      AdminService service)
      throws IOException {
    // A stranger gets through the handshake, so that it is told which role it lacks.
    return AdminServer.onTcp(
        new InetSocketAddress(endpoint.host(), endpoint.port()),
        SpiffeTls.grpcServerContext(source, _ -> true, certificate(tokens)),
        caller(settings, tokens),
        limits,
        service);
  }

  /** The same as HTTP/JSON. */
  static JsonServer serveHttp(
      Endpoint.Tcp endpoint,
      KithConfig settings,
      X509Source source,
      @Nullable OidcTokens tokens,
      CallLimits limits,
      AdminService service)
      throws IOException {
    return AdminHttp.onTcp(
        new InetSocketAddress(endpoint.host(), endpoint.port()),
        SpiffeTls.httpServerContext(source, _ -> true, certificate(tokens)),
        caller(settings, tokens),
        limits,
        service);
  }

  /* Who brings a token needs no certificate. */
  private static ClientCertificate certificate(@Nullable OidcTokens tokens) {
    return tokens == null ? ClientCertificate.REQUIRED : ClientCertificate.OPTIONAL;
  }

  private static Caller caller(KithConfig settings, @Nullable OidcTokens tokens) {
    return new TlsCaller(id -> role(settings.server(), id), tokens, Clock.systemUTC());
  }

  /** The highest of the roles that an ID has, or null. */
  static @Nullable AdminRole role(KithConfig.Server server, SpiffeId id) {
    var named = server.adminIds().stream().anyMatch(pattern -> pattern.matches(id));
    AdminRole highest = named ? AdminRole.ADMIN : null;
    for (var entry : server.admin().roles()) {
      if (entry instanceof RoleEntry.OfId(var pattern, var role)
          && pattern.matches(id)
          && (highest == null || role.compareTo(highest) > 0)) {
        highest = role;
      }
    }
    return highest;
  }
}
