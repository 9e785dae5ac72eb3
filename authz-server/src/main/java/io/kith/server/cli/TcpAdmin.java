package io.kith.server.cli;

import io.grpc.Status;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.Caller;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.time.Clock;

/** The admin API on a port, between SPIFFE identities. */
final class TcpAdmin {
  private TcpAdmin() {}

  /** Serves those whose SPIFFE ID is in {@code server.adminIds}. */
  static AdminServer serve(
      Endpoint.Tcp endpoint, KithConfig settings, X509Source source, AdminService service)
      throws IOException {
    // A stranger gets through the handshake, so that it is told which role it lacks.
    return AdminServer.onTcp(
        new InetSocketAddress(endpoint.host(), endpoint.port()),
        SpiffeTls.serverCredentials(source, _ -> true),
        caller(settings),
        service);
  }

  private static Caller caller(KithConfig settings) {
    var clock = Clock.systemUTC();
    return (connection, _) -> {
      try {
        var id = SpiffeTls.peerOf(connection, clock);
        if (settings.server().adminIds().stream().noneMatch(pattern -> pattern.matches(id))) {
          throw Status.PERMISSION_DENIED
              .withDescription(id + " is not an operator (expected: one of server.adminIds)")
              .asException();
        }
        return id.toString();
      } catch (CertificateException e) {
        throw Status.UNAUTHENTICATED
            .withDescription("the certificate is not accepted: " + e.getMessage())
            .asException();
      }
    };
  }
}
