package io.kith.server.operator;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.admin.AdminClient;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OwnIdentity;
import io.kith.spiffe.SpiffeTls;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A client of the admin API with the identity that it speaks with.
 *
 * @param identity null on a Unix socket
 */
record Connection(AdminClient client, @Nullable OwnIdentity identity) implements AutoCloseable {
  static Connection of(AdminClient client) {
    return new Connection(client, null);
  }

  /**
   * To the server of the configuration, between SPIFFE identities.
   *
   * @param token that says who calls, in place of the identity; or null
   */
  static Connection toTcp(
      Endpoint.Tcp endpoint, KithConfig settings, SpiffeId id, @Nullable String token)
      throws Failure, ConfigException, InterruptedException {
    var server = settings.server().requireId();
    var identity = OwnIdentity.open(settings.identity(), id);
    return new Connection(
        AdminClient.toTcp(
            endpoint.host(),
            endpoint.port(),
            SpiffeTls.channelCredentials(identity.source(), server::equals),
            id.toString(),
            token),
        identity);
  }

  /**
   * To the server of the configuration, with a token and no identity.
   *
   * @param authorities that the server's certificate has to be of
   * @param user name for messages
   */
  static Connection toTcp(
      Endpoint.Tcp endpoint,
      KithConfig settings,
      List<X509Certificate> authorities,
      String token,
      String user)
      throws ConfigException {
    var server = settings.server().requireId();
    return of(
        AdminClient.toTcp(
            endpoint.host(),
            endpoint.port(),
            SpiffeTls.channelCredentials(Map.of(server.trustDomain(), authorities), server::equals),
            user,
            token));
  }

  @Override
  public void close() {
    client.close();
    if (identity != null) {
      identity.close();
    }
  }
}
