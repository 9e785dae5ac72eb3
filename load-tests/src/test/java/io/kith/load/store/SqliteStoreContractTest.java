package io.kith.load.store;

import io.kith.baselines.store.BaselineStore;
import io.kith.server.store.SqliteStore;
import java.nio.file.Path;
import java.sql.DriverManager;
import org.junit.jupiter.api.io.TempDir;

class SqliteStoreContractTest extends DurableStoreContract {
  @TempDir private Path folder;

  private Path file() {
    return folder.resolve("made/kith.db");
  }

  @Override
  BaselineStore open() throws Exception {
    return SqliteStore.open(file());
  }

  @Override
  void refuseBadParts() throws Exception {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      statement.executeUpdate(
          "create trigger refuse before insert on kith_learned when new.part = 'bad'"
              + " begin select raise(abort, 'refused by the test'); end");
    }
  }
}
