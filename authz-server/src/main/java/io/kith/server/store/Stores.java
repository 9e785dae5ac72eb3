package io.kith.server.store;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.StoreException;

/** The store that {@code kith.yaml} names. */
public final class Stores {
  private Stores() {}

  /**
   * Opens it, makes it when there is none, and brings it to this version.
   *
   * @throws StoreException with what an operator has to do
   */
  public static BaselineStore open(StoreSettings settings) throws StoreException {
    return switch (settings) {
      case StoreSettings.Memory _ -> new InMemoryStore();
      case StoreSettings.Sqlite(var path, _) -> SqliteStore.open(path);
      case StoreSettings.Postgresql _ ->
          throw new StoreException(
              "kith.yaml: store.type: postgresql is not in this build yet (choose sqlite)");
    };
  }
}
