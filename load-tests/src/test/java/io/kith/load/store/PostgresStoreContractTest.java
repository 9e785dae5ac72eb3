package io.kith.load.store;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.load.tools.Postgres;
import io.kith.server.store.PostgresStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

class PostgresStoreContractTest extends DurableStoreContract {
  @TempDir private static Path folder;
  private static Postgres postgres;

  private String url = "";

  @BeforeAll
  static void start() throws Exception {
    postgres = Postgres.start(System.out::println);
    Files.writeString(folder.resolve("password"), Postgres.PASSWORD + "\n");
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  @BeforeEach
  @Override
  void openFirst() throws Exception {
    url = postgres.newDatabase();
    super.openFirst();
  }

  @Override
  BaselineStore open() throws Exception {
    return PostgresStore.open(
        new StoreSettings.Postgresql(
            url, Postgres.USER, folder.resolve("password"), 4, Duration.ofSeconds(5), null),
        Duration.ofSeconds(90));
  }

  @Override
  void refuseBadParts() throws Exception {
    Postgres.executeAt(url, "alter table kith_learned add check (part <> 'bad')");
  }
}
