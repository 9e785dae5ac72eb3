package io.kith.server.operator;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.admin.AdminClient;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OwnIdentity;
import io.kith.spiffe.SpiffeTls;
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

  /** To the server of the configuration, between SPIFFE identities. */
  static Connection toTcp(Endpoint.Tcp endpoint, KithConfig settings, SpiffeId id)
      throws Failure, ConfigException, InterruptedException {
    var server = settings.server().requireId();
    var identity = OwnIdentity.open(settings.identity(), id);
    return new Connection(
        AdminClient.toTcp(
            endpoint.host(),
            endpoint.port(),
            SpiffeTls.channelCredentials(identity.source(), server::equals),
            id.toString()),
        identity);
  }

  @Override
  public void close() {
    client.close();
    if (identity != null) {
      identity.close();
    }
  }
}
