package io.kith.load.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.SetModeRequest;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.StoreException;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Postgres;
import io.kith.load.tools.ToolCache;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.HighWaterMark;
import io.kith.server.control.KeyFiles;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.store.Stores;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Somebody writes to the store by hand: whatever it is, it is refused with words, and nothing of it
 * decides. The stores were written by a real server.
 */
@Timeout(600)
class TamperTest {
  private static final String LAST_GOOD = "(the state before it stays in force; restore";
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static Path folder;
  private static Postgres postgres;
  private static Fleet fleet;
  private static Golden sqlite;
  private static Golden postgresql;
  private static int copies;

  /** What a server left behind, and what was there earlier. */
  private record Golden(Path home, String database, int changes, Path earlierFile) {}

  enum Kind {
    SQLITE,
    POSTGRESQL
  }

  /** A copy of a golden store that may be spoiled, with its mark of the log. */
  private record Copy(Kind kind, String url, Path config, Path home) {
    void execute(String sql) throws Exception {
      switch (kind) {
        case POSTGRESQL -> Postgres.executeAt(url, sql);
        case SQLITE -> {
          try (var connection = DriverManager.getConnection(url);
              var statement = connection.createStatement()) {
            statement.executeUpdate(sql);
          }
        }
      }
    }

    void forgetMark() throws IOException {
      Files.delete(home.resolve("log.mark"));
    }

    /** A server on it, as far as it decides. */
    Opened open() throws Exception {
      var settings = KithConfig.parse("kith.yaml", Files.readString(config), Map.of());
      BaselineStore store = Stores.open(settings.store());
      try {
        var control =
            new ControlSettings(
                new StaticWorkloadDirectory(settings.workloads()),
                settings.scopes(),
                settings.learning(),
                new ListedSuffixes(),
                KeyFiles.read(settings.keys(), home, home),
                store,
                "of the test",
                settings.store() instanceof StoreSettings.Sqlite ? "local" : "replica",
                new HighWaterMark(home.resolve("log.mark")),
                ControlSettings.QUEUE);
        return new Opened(
            store,
            ControlState.open(
                control, AllowListFiles.none(), InstantSource.system(), ControlState::toLog));
      } catch (StoreException | IOException | RuntimeException e) {
        store.close();
        throw e;
      }
    }
  }

  private record Opened(BaselineStore store, ControlState state) implements AutoCloseable {
    @Override
    public void close() {
      state.close();
      store.close();
    }
  }

  @BeforeAll
  static void write() throws Exception {
    folder = Files.createTempDirectory("kith-t");
    fleet = Fleet.make(folder, 2);
    postgres = Postgres.start(System.out::println);
    sqlite = golden("s", Fleet.sqlite(folder.resolve("s/kith.db")), "");
    var url = postgres.newDatabase();
    postgresql =
        golden(
            "p",
            fleet.postgresql(url, Postgres.USER, Postgres.PASSWORD),
            url.substring(url.lastIndexOf('/') + 1));
  }

  private static Golden golden(String name, String store, String database) throws Exception {
    var setup = new Setup(fleet, name, store);
    var earlier = folder.resolve("earlier-" + name);
    int changes;
    try (var server = setup.startAndWait();
        var pods = new PodsAt(fleet, server)) {
      new Operator(fleet, fleet.members().getFirst(), 1).begin(server, pods);
      if (database.isEmpty()) {
        try (var connection =
                DriverManager.getConnection("jdbc:sqlite:" + setup.home().resolve("kith.db"));
            var statement = connection.createStatement()) {
          statement.executeUpdate("vacuum into '" + earlier + "'");
        }
      }
      new Operator(fleet, fleet.members().getLast(), 1).begin(server, pods);
      changes = (int) server.status().getStore().getPosition();
    }
    return new Golden(setup.home(), database, changes, earlier);
  }

  @AfterAll
  static void remove() throws Exception {
    postgres.close();
    fleet.close();
    ToolCache.delete(folder);
  }

  private static Golden of(Kind kind) {
    return kind == Kind.SQLITE ? sqlite : postgresql;
  }

  private static Copy copy(Kind kind) throws Exception {
    var golden = of(kind);
    var home = Files.createDirectory(folder.resolve("copy" + ++copies));
    String url;
    String store;
    switch (kind) {
      case SQLITE -> {
        var file = home.resolve("kith.db");
        Files.copy(golden.home().resolve("kith.db"), file);
        url = "jdbc:sqlite:" + file;
        store = Fleet.sqlite(file);
      }
      case POSTGRESQL -> {
        var name = "copy_" + copies;
        postgres.execute("postgres", "create database " + name + " template " + golden.database());
        url = postgres.url(name);
        store = fleet.postgresql(url, Postgres.USER, Postgres.PASSWORD);
      }
      default -> throw new IllegalStateException();
    }
    Files.copy(golden.home().resolve("log.mark"), home.resolve("log.mark"));
    var config = home.resolve("kith.yaml");
    Files.writeString(config, fleet.config(home, store, List.of(), "{}"));
    return new Copy(kind, url, config, home);
  }

  /**
   * The spoiled store is refused at the start, as the mark was not reached; and without the mark it
   * is followed up to the last good change and no further.
   */
  private static void assertRefused(Copy copy, int lastGood, int last, String... words)
      throws Exception {
    assertThatThrownBy(() -> copy.open().close())
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(
            "the log of changes is good up to "
                + lastGood
                + ", and this server has seen change "
                + last)
        .hasMessageContaining("restore the store; or, to go on from " + lastGood)
        .hasMessageContainingAll(words);

    copy.forgetMark();
    try (var opened = copy.open()) {
      var health = opened.state().store();
      assertThat(health.position()).isEqualTo(lastGood);
      assertThat(health.problem()).contains(LAST_GOOD).contains(words);
      assertThat(opened.state().refusedEntries()).isPositive();
    }
  }

  @ParameterizedTest
  @EnumSource
  void untouched_isServed(Kind kind) throws Exception {
    try (var opened = copy(kind).open()) {
      assertThat(opened.state().store().problem()).isNull();
      assertThat(opened.state().store().position()).isEqualTo(4);
    }
  }

  @ParameterizedTest
  @EnumSource
  void anyColumnOfARow_changed_isRefused(Kind kind) throws Exception {
    for (var change :
        List.of(
            "author = author || 'x'",
            "note = replace(note, 'mode', 'mood')",
            "subject = 'shop/deployment/w1'",
            "kind = 'propose'",
            "at = '2026-01-01T00:00:00.001Z'",
            "body = replace(body, 'enforce', 'observe')",
            "seal = substr(seal, 1, length(seal) - 9) || case substr(seal, length(seal) - 8, 1)"
                + " when 'A' then 'B' else 'A' end || substr(seal, length(seal) - 7)")) {
      var copy = copy(kind);
      copy.execute("update kith_change set " + change + " where position = 2");

      assertRefused(copy, 1, 4, "change 2: ");
    }
  }

  @ParameterizedTest
  @EnumSource
  void twoRows_swapped_areRefused(Kind kind) throws Exception {
    var copy = copy(kind);
    copy.execute("update kith_change set position = 99 where position = 2");
    copy.execute("update kith_change set position = 2 where position = 3");
    copy.execute("update kith_change set position = 3 where position = 99");

    assertRefused(
        copy, 1, 4, "change 2: it, or an entry before it, was changed after it was sealed");
  }

  @ParameterizedTest
  @EnumSource
  void rowInTheMiddle_deleted_isRefused(Kind kind) throws Exception {
    var copy = copy(kind);
    copy.execute("delete from kith_change where position = 3");

    assertRefused(copy, 2, 4, "change 3 is missing, and 4 is there");
  }

  @ParameterizedTest
  @EnumSource
  void lastRow_deleted_isRefusedByTheMark(Kind kind) throws Exception {
    var copy = copy(kind);
    copy.execute("delete from kith_change where position = 4");

    assertThatThrownBy(() -> copy.open().close())
        .hasMessageStartingWith(
            "the log of changes is good up to 3, and this server has seen change 4: its end was cut"
                + " off or an older log was put back (restore the store; or, to go on from 3");
  }

  private static final String FORGED =
      "insert into kith_change (position, at, author, note, kind, subject, body, seal)"
          + " select 5, at, author, note, kind, subject, body, %s from kith_change"
          + " where position = 4";

  @ParameterizedTest
  @EnumSource
  void rowWithoutAKey_added_isRefused(Kind kind) throws Exception {
    for (var seal : List.of("seal", "''", "'ed25519:00 AAAA'")) {
      var copy = copy(kind);
      copy.execute(FORGED.formatted(seal));

      try (var opened = copy.open()) {
        assertThat(opened.state().store().position()).isEqualTo(4);
        assertThat(opened.state().store().problem()).startsWith("change 5: ").contains(LAST_GOOD);
      }
    }
  }

  @Test
  void olderFile_putBack_isRefusedByTheMark() throws Exception {
    var copy = copy(Kind.SQLITE);
    Files.copy(
        sqlite.earlierFile(), copy.home().resolve("kith.db"), StandardCopyOption.REPLACE_EXISTING);

    assertThatThrownBy(() -> copy.open().close())
        .hasMessageStartingWith(
            "the log of changes is good up to 2, and this server has seen change 4: its end was cut"
                + " off or an older log was put back (restore the store;");
  }

  /** Parts are not sealed: what is no part is left out and said, and no part decides. */
  @ParameterizedTest
  @EnumSource
  void learnedPart_changed_decidesNothing(Kind kind) throws Exception {
    var copy = copy(kind);
    copy.execute("update kith_learned set body = replace(body, '/app/shop', '/app/evil')");

    try (var opened = copy.open();
        var golden = copy(kind).open()) {
      assertThat(opened.state().store().problem()).isNull();
      var workloads =
          new StaticWorkloadDirectory(
                  KithConfig.parse("kith.yaml", Files.readString(copy.config()), Map.of())
                      .workloads())
              .all();
      for (var workload : workloads) {
        assertThat(revision(opened, workload)).isEqualTo(revision(golden, workload));
      }
      assertThat(opened.state().edges(null)).noneMatch(edge -> edge.process().contains("evil"));
    }
  }

  private static @Nullable String revision(Opened opened, Workload workload) {
    var rules = opened.state().snapshot(workload).enforced();
    return rules == null ? null : rules.revision();
  }

  @ParameterizedTest
  @EnumSource
  void whatCannotBeRead_isRefusedWithItsRow(Kind kind) throws Exception {
    var change = copy(kind);
    change.execute("update kith_change set at = 'yesterday' where position = 3");
    var part = copy(kind);
    part.execute("update kith_learned set owner = 'nobody' where owner = 'shop/deployment/w1'");

    assertThatThrownBy(() -> change.open().close())
        .isInstanceOf(StoreException.class)
        .hasMessageContaining(
            ": change 3 was altered by hand: Text 'yesterday' could not be parsed")
        .hasMessageEndingWith(" (restore the store)");
    assertThatThrownBy(() -> part.open().close())
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("learned parts of 'nobody' were altered by hand: ")
        .hasMessageEndingWith(" (delete their rows)");
  }

  // a server that runs

  @ParameterizedTest
  @EnumSource
  void runningServer_forgedRowArrives_keepsItsLastGoodStateAndSaysSo(Kind kind) throws Exception {
    var name = "run" + kind.name().charAt(0);
    var file = folder.resolve(name).resolve("kith.db");
    var url = kind == Kind.SQLITE ? "jdbc:sqlite:" + file : postgres.newDatabase();
    var setup =
        new Setup(
            fleet,
            name,
            kind == Kind.SQLITE
                ? Fleet.sqlite(file)
                : fleet.postgresql(url, Postgres.USER, Postgres.PASSWORD));
    var operator = new Operator(fleet, fleet.members().getFirst(), 1);
    try (var server = setup.startAndWait();
        var pods = new PodsAt(fleet, server)) {
      operator.begin(server, pods);
      var copy = new Copy(kind, url, setup.home(), setup.home());

      copy.execute(FORGED.replace("5", "3").replace("= 4", "= 2").formatted("seal"));
      if (kind == Kind.POSTGRESQL) {
        copy.execute("notify kith_change");
      }
      Mesh.await(
          "it says so", PATIENCE, () -> server.status().getStore().getProblem().length() > 0);

      var store = server.status().getStore();
      assertThat(store.getHealthy()).isFalse();
      assertThat(store.getPosition()).isEqualTo(2);
      assertThat(store.getProblem()).startsWith("change 3: ").contains(LAST_GOOD);
      assertThat(server.metric("kith_log_refused_total")).isEqualTo(1);
      assertThat(server.metric("kith_store_healthy")).isZero();
      assertThat(server.log()).contains("the log of changes is damaged: change 3: ");
      operator.verifyVerdicts(pods);
      assertThatThrownBy(() -> observe(server))
          .isInstanceOf(StatusRuntimeException.class)
          .hasMessageContaining("nothing was changed: change 3: ");

      copy.execute("delete from kith_change where position = 3");
      Mesh.await("it goes on", PATIENCE, () -> server.status().getStore().getHealthy());
      operator.verifyVerdicts(pods);
      observe(server);
      assertThat(server.status().getStore().getPosition()).isEqualTo(3);
    }
  }

  private static void observe(ServerProcess server) {
    var _ =
        server
            .admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(fleet.members().getLast().owner())
                    .setMode("shadow")
                    .setNote("look")
                    .build());
  }
}
