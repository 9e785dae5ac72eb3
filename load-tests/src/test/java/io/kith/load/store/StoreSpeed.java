package io.kith.load.store;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.LearnedPart;
import io.kith.load.tools.Postgres;
import io.kith.server.store.PostgresStore;
import io.kith.server.store.SqliteStore;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;

/** Prints how many entries and learned parts a second each store takes on this machine. */
final class StoreSpeed {
  private static final long NANOS = Duration.ofSeconds(5).toNanos();

  private StoreSpeed() {}

  public static void main(String[] arguments) throws Exception {
    var folder = Files.createTempDirectory("kith-store-speed");
    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      print("sqlite", store);
    }
    System.out.println("sqlite: " + Files.size(folder.resolve("kith.db")) + " bytes");
    var password = Files.writeString(folder.resolve("password"), Postgres.PASSWORD);
    try (var postgres = Postgres.start(_ -> {});
        var store =
            PostgresStore.open(
                new StoreSettings.Postgresql(
                    postgres.newDatabase(),
                    Postgres.USER,
                    password,
                    4,
                    Duration.ofSeconds(5),
                    null),
                Duration.ofMinutes(1))) {
      print("postgresql", store);
    }
  }

  private static void print(String name, BaselineStore store) throws Exception {
    var began = System.nanoTime();
    var position = 0L;
    while (System.nanoTime() - began < NANOS) {
      store.append(BaselineStoreContract.entry(++position, "a note"));
    }
    var appends = position * 1e9 / (System.nanoTime() - began);

    began = System.nanoTime();
    var written = 0;
    while (System.nanoTime() - began < NANOS) {
      var parts = new ArrayList<LearnedPart>();
      for (var i = 0; i < 2_000; i++) { // half of them new, half of them replaced
        parts.add(
            new LearnedPart(
                "s",
                BaselineStoreContract.CHECKOUT,
                "edge:" + "0".repeat(50) + (written / 2 + i),
                "{\"x\":\"" + "x".repeat(1_000) + "\"}"));
      }
      store.saveLearned(parts);
      written += parts.size();
    }
    var parts = written * 1e9 / (System.nanoTime() - began);
    began = System.nanoTime();
    var read = BaselineStoreContract.learned(store).size() * 1e9 / (System.nanoTime() - began);
    System.out.printf(
        "%s: %.0f appends/s, %.0f learned parts/s written, %.0f/s read%n",
        name, appends, parts, read);
  }
}
