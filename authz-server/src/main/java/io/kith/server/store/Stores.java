package io.kith.server.store;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.StoreException;
import java.time.Duration;

/** The store that {@code kith.yaml} names. */
public final class Stores {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private Stores() {}

  /**
   * Opens it, makes it when there is none, and brings it to this version. Waits up to a minute for
   * a database that cannot be reached.
   *
   * @throws StoreException with what an operator has to do
   */
  public static BaselineStore open(StoreSettings settings) throws StoreException {
    return switch (settings) {
      case StoreSettings.Memory _ -> new InMemoryStore();
      case StoreSettings.Sqlite(var path, _) -> SqliteStore.open(path);
      case StoreSettings.Postgresql postgresql -> PostgresStore.open(postgresql, PATIENCE);
      case StoreSettings.Control _ ->
          throw new IllegalArgumentException("control (expected: a store of the server's own)");
    };
  }
}
