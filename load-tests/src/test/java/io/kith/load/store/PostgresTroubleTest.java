package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.StoreException;
import io.kith.load.tools.Postgres;
import io.kith.server.store.PostgresStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong with a database, with the message that an operator reads. */
class PostgresTroubleTest {
  private static final Duration NO_PATIENCE = Duration.ZERO;

  @TempDir private static Path folder;
  private static Postgres postgres;

  @BeforeAll
  static void start() throws Exception {
    postgres = Postgres.start(System.out::println);
  }

  @AfterAll
  static void stop() {
    postgres.close();
  }

  private static BaselineStore open(String url, String user, String password, Duration patience)
      throws Exception {
    var file = Files.createTempFile(folder, "password", "");
    Files.writeString(file, password + "\n");
    return PostgresStore.open(
        new StoreSettings.Postgresql(url, user, file, 4, Duration.ofSeconds(5), null), patience);
  }

  private static BaselineStore open(String url) throws Exception {
    return open(url, Postgres.USER, Postgres.PASSWORD, NO_PATIENCE);
  }

  private static String place(String url) {
    return url.substring("jdbc:postgresql://".length());
  }

  @Test
  void open_wrongPassword_isRefusedAtOnce() throws Exception {
    var url = postgres.newDatabase();

    assertThatThrownBy(() -> open(url, Postgres.USER, "wrong", Duration.ofHours(1)))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "kith.yaml: store.user: PostgreSQL at "
                + place(url)
                + " does not let 'kith' in: FATAL: password authentication failed for user \"kith\""
                + " (see store.user and store.passwordFile, and the database's pg_hba.conf)");
  }

  @Test
  void open_absentPasswordFile_isRefusedAtOnce() throws Exception {
    var url = postgres.newDatabase();
    var absent = folder.resolve("absent");
    var settings =
        new StoreSettings.Postgresql(url, Postgres.USER, absent, 4, Duration.ofSeconds(5), null);

    assertThatThrownBy(() -> PostgresStore.open(settings, Duration.ofHours(1)))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "kith.yaml: store.passwordFile: '"
                + absent
                + "' cannot be read (expected: a file with the password in its first line)");
  }

  @Test
  void open_absentDatabase_isRefusedAtOnce() {
    var url = postgres.url("nowhere");

    assertThatThrownBy(() -> open(url, Postgres.USER, Postgres.PASSWORD, Duration.ofHours(1)))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "kith.yaml: store.url: "
                + place(url)
                + ": FATAL: database \"nowhere\" does not exist (create the database)");
  }

  @Test
  void open_roleWithoutRights_isRefusedAtOnce_andNeedsFewOnceTheTablesAreThere() throws Exception {
    var url = postgres.newDatabase();
    Postgres.executeAt(url, "create role guest login password 'guest'");
    Postgres.executeAt(url, "revoke create on schema public from public");

    assertThatThrownBy(() -> open(url, "guest", "guest", Duration.ofHours(1)))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "PostgreSQL at "
                + place(url)
                + ": the role 'guest' may not do that: ERROR: permission denied for schema public"
                + " (grant it: docs/store.md, Rights)");

    open(url).close();
    Postgres.executeAt(
        url, "grant select on kith_schema_history, kith_change, kith_learned to guest");
    try (var store = open(url, "guest", "guest", NO_PATIENCE)) {
      assertThat(store.after(0, 10)).isEmpty();
      assertThatThrownBy(() -> store.append(BaselineStoreContract.entry(1, "one")))
          .hasMessageContaining("the role 'guest' may not do that: ERROR: permission denied");
      Postgres.executeAt(url, "grant insert on kith_change to guest");
      assertThat(store.append(BaselineStoreContract.entry(1, "one"))).isTrue();
    }
  }

  @Test
  void open_newerVersion_isRefused() throws Exception {
    var url = postgres.newDatabase();
    open(url).close();
    Postgres.executeAt(
        url,
        "insert into kith_schema_history select installed_rank + 10, '7', 'later', type,"
            + " 'V7__later.sql', 1, installed_by, installed_on, 1, true from kith_schema_history"
            + " where version = '1'");

    assertThatThrownBy(() -> open(url))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "kith.yaml: store.url: "
                + place(url)
                + " was written by a newer Kith: its version is 7, this one knows 3 (start the"
                + " newer one, or restore a dump from before the upgrade)");
  }

  @Test
  void open_tablesOfOthersInTheSchema_isFine() throws Exception {
    var url = postgres.newDatabase();
    Postgres.executeAt(url, "create table accounts (id integer)");

    try (var store = open(url)) {
      assertThat(store.append(BaselineStoreContract.entry(1, "one"))).isTrue();
    }
  }

  @Test
  void open_serversAtOnce_oneMakesTheTables() throws Exception {
    var url = postgres.newDatabase();
    var opened = new ArrayList<BaselineStore>();
    try (var threads = Executors.newFixedThreadPool(4)) {
      var each =
          threads.invokeAll(
              List.<Callable<BaselineStore>>of(
                  () -> patiently(url),
                  () -> patiently(url),
                  () -> patiently(url),
                  () -> patiently(url)));
      for (var one : each) {
        opened.add(one.get());
      }
    }

    assertThat(opened.getFirst().append(BaselineStoreContract.entry(1, "one"))).isTrue();
    for (var store : opened) {
      assertThat(store.after(0, 10)).hasSize(1);
      store.close();
    }
  }

  private static BaselineStore patiently(String url) throws Exception {
    return open(url, Postgres.USER, Postgres.PASSWORD, Duration.ofMinutes(1));
  }

  @Test
  void databaseDown_atStart_isRefusedClearly_orWaitedFor() throws Exception {
    try (var other = Postgres.start(_ -> {});
        var threads = Executors.newSingleThreadExecutor()) {
      var url = other.newDatabase();
      other.crash();

      assertThatThrownBy(() -> open(url))
          .isInstanceOf(StoreException.class)
          .hasMessageStartingWith(
              "PostgreSQL at " + place(url) + " failed: Connection to 127.0.0.1:")
          .hasMessageEndingWith(
              "; nothing was written (is it running and reachable? Kith tries again)");

      var waiting = threads.submit(() -> patiently(url));
      other.begin();
      try (var store = waiting.get()) {
        assertThat(store.append(BaselineStoreContract.entry(1, "one"))).isTrue();
      }
    }
  }

  @Test
  void databaseVanishes_andComesBack_nothingAcknowledgedIsLost_andWatchersAreTold()
      throws Exception {
    try (var other = Postgres.start(_ -> {})) {
      var url = other.newDatabase();
      try (var one = patiently(url);
          var two = patiently(url)) {
        var seen = new AtomicLong();
        two.watch(() -> seen.accumulateAndGet(last(two), Math::max));
        assertThat(one.append(BaselineStoreContract.entry(1, "before"))).isTrue();
        Await.until("told before", BaselineStoreContract.LIMIT, () -> seen.get() == 1);

        other.crash();
        for (var i = 0; i < 3; i++) {
          assertThatThrownBy(() -> one.append(BaselineStoreContract.entry(2, "meanwhile")))
              .isInstanceOf(StoreException.class)
              .hasMessageContaining("PostgreSQL at " + place(url));
        }
        assertThatThrownBy(() -> two.after(0, 10)).isInstanceOf(StoreException.class);
        other.begin();

        var position = appendUntilIn(one);
        assertThat(one.after(0, 10)).hasSize((int) position);
        Await.until("told after", BaselineStoreContract.LIMIT, () -> seen.get() == position);
      }
    }
  }

  /** As a server does: what is not known is read again. */
  private static long appendUntilIn(BaselineStore store) {
    var position = new AtomicLong();
    Await.until(
        "a change is in",
        Duration.ofMinutes(1),
        () -> {
          try {
            position.set(last(store) + 1);
            return store.append(BaselineStoreContract.entry(position.get(), "after"));
          } catch (StoreException _) {
            return false;
          }
        });
    return position.get();
  }

  private static long last(BaselineStore store) {
    try {
      return store.after(0, 1_000).size();
    } catch (StoreException _) {
      return 0;
    }
  }

  @Test
  void databaseHangs_askedMeanwhile_failsWithinItsLimits() throws Exception {
    var url = postgres.newDatabase();
    try (var store = open(url + "?socketTimeout=5");
        var blocker = java.sql.DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD)) {
      blocker.setAutoCommit(false);
      try (var statement = blocker.createStatement()) {
        statement.execute("lock table kith_change in access exclusive mode");

        assertThatThrownBy(() -> store.append(BaselineStoreContract.entry(1, "one")))
            .isInstanceOf(StoreException.class)
            .hasMessageContaining(
                "whether the change was added is not known until the log is read again");

        blocker.rollback();
      }
      assertThat(appendUntilIn(store)).isPositive();
    }
  }

  @Test
  void commitWithoutAnAnswer_isNotKnown_andReadingTheLogDecides() throws Exception {
    var url = postgres.newDatabase();
    try (var store = open(url)) {
      // a constraint that is looked at during the commit ends the session there
      Postgres.executeAt(
          url,
          "create function cut() returns trigger language plpgsql as $$ begin"
              + " perform pg_terminate_backend(pg_backend_pid()); return null; end $$");
      Postgres.executeAt(
          url,
          "create constraint trigger cut after insert on kith_change deferrable initially deferred"
              + " for each row execute function cut()");

      assertThatThrownBy(() -> store.append(BaselineStoreContract.entry(1, "one")))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining(
              "whether the change was added is not known until the log is read again");

      Postgres.executeAt(url, "drop trigger cut on kith_change");
      assertThat(appendUntilIn(store)).isEqualTo(store.after(0, 10).size());
    }
  }

  /** As one that is stopped (SIGSTOP) between two statements: its place is everybody's. */
  @Test
  void serverFrozenInTheMiddleOfAChange_othersGoOn() throws Exception {
    var url = postgres.newDatabase();
    var both =
        List.of(BaselineStoreContract.entry(1, "one"), BaselineStoreContract.entry(2, "two"));
    var frozen = new CountDownLatch(1);
    var thawed = new CountDownLatch(1);
    var stops =
        new AbstractList<Entry>() {
          @Override
          public Entry get(int index) {
            if (index == 1 && isWriting()) {
              frozen.countDown();
              hold(thawed);
            }
            return both.get(index);
          }

          @Override
          public int size() {
            return both.size();
          }
        };
    try (var one = open(url);
        var two = open(url);
        var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      var written = executor.submit(() -> one.append(stops));
      hold(frozen);

      try {
        assertThat(two.append(BaselineStoreContract.entry(1, "other"))).isTrue();
      } finally {
        thawed.countDown();
      }
      assertThatThrownBy(written::get).hasCauseInstanceOf(StoreException.class);
      assertThat(one.after(0, 10)).hasSize(1);
    }
  }

  private static void hold(CountDownLatch until) {
    try {
      until.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean isWriting() {
    return StackWalker.getInstance()
        .walk(
            frames ->
                frames.anyMatch(
                    frame ->
                        frame.getClassName().endsWith(".Rows")
                            && frame.getMethodName().equals("append")));
  }
}
