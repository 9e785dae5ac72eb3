package io.kith.server.cli;

import io.kith.server.admin.AdminClient;
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

  @Override
  public void close() {
    client.close();
    if (identity != null) {
      identity.close();
    }
  }
}
