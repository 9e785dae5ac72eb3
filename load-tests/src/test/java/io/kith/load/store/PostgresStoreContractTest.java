package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearnedState;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.store.BaselineStore;
import io.kith.load.tools.Postgres;
import io.kith.server.control.ServerKeys;
import io.kith.server.store.PostgresStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
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

  private Set<Owner> changed(@Nullable String since) throws Exception {
    return Objects.requireNonNull(store.changedByOthers("b", since).owners());
  }

  private String mark() throws Exception {
    return Objects.requireNonNull(store.changedByOthers("b", null).mark());
  }

  @Test
  void changedByOthers_tellsWhatOthersWroteSince_andNothingElse() throws Exception {
    assertThat(changed(null)).isEmpty();
    store.saveLearned(
        List.of(part("a", CHECKOUT, "edge-1", "{}"), part("b", ORDERS, "edge-1", "{}")));
    assertThat(changed(null)).containsExactly(CHECKOUT);

    var mark = mark();
    assertThat(changed(mark)).isEmpty();
    store.append(entry(1, "a transaction"));
    store.saveLearned(
        List.of(part("c", ORDERS, "edge-1", "{}"), part("b", CHECKOUT, "edge-1", "{}")));
    assertThat(changed(mark)).containsExactly(ORDERS);
    store.saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{}")));
    assertThat(changed(mark)).containsExactlyInAnyOrder(CHECKOUT, ORDERS);

    mark = mark();
    store.forgetLearned("a", CHECKOUT);
    Postgres.executeAt(url, "vacuum full freeze kith_learned");
    assertThat(changed(mark)).isEmpty();
    assertThat(changed(null)).containsExactly(ORDERS);
  }

  /** Who wrote before a reading and commits after it was passed over by others' news. */
  @Test
  void changedByOthers_ofATransactionThatWasOpen_isToldWhenItIsCommitted() throws Exception {
    try (var slow = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = slow.createStatement()) {
      slow.setAutoCommit(false);
      statement.execute(
          "insert into kith_learned (owner, replica, part, body) values ('%s', 'a', 'edge-1', '{}')"
              .formatted(CHECKOUT));
      store.saveLearned(List.of(part("a", ORDERS, "edge-1", "{}")));
      assertThat(changed(null)).containsExactly(ORDERS);
      var mark = mark();
      store.append(entry(1, "a transaction"));
      mark = Objects.requireNonNull(store.changedByOthers("b", mark).mark());

      slow.commit();

      assertThat(changed(mark)).contains(CHECKOUT);
      assertThat(changed(mark())).isEmpty();
    }
  }

  /** A copy that was put back, or a standby that had not everything, counts anew from less. */
  @Test
  void changedByOthers_markOfAnotherDatabase_isOfAll() throws Exception {
    store.saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{}")));
    var mark = mark();
    var space = mark.indexOf(' ');
    var started = mark.substring(0, space + 1);
    var oldest = Long.parseLong(mark.substring(space + 1));

    assertThat(changed(started + oldest)).isEmpty();
    assertThat(changed(started + (oldest + 1_000))).containsExactly(CHECKOUT);
    assertThat(changed(started + (oldest - (1L << 31)))).containsExactly(CHECKOUT);
    assertThat(changed("1700000000.000000 " + oldest)).containsExactly(CHECKOUT);
  }

  private void learn(String replica, Instant at) throws Exception {
    var fingerprint =
        new ProcessFingerprint(
            "/usr/bin/checkout",
            null,
            Origin.IMAGE,
            1_000,
            EntryKind.NATIVE,
            "checkout",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    var process =
        new Candidate("fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
    var db = new Destination("db.shop", Evidence.MESH_SERVICE, null, 5_432, Protocol.TCP);
    var learner = new Learner(CHECKOUT, LearningSettings.defaults());
    learner.observe(new Observation(process, db, "10.88.1.2", at));
    var parts =
        LearnedState.changed(learner, replica, true, 10).stream()
            .map(part -> new Plain(part, 0))
            .toList();
    store.saveLearned(LearnedSeals.seal(parts, ServerKeys.fresh()));
  }

  /** The query of docs/store.md, by which rows of servers that are gone are found. */
  @Test
  void docs_whoWroteOfNoConnectionForLong_isFoundByTheQuery() throws Exception {
    learn("gone", Instant.parse("2026-01-01T12:00:00Z"));
    learn("here", Instant.parse("2026-03-01T12:00:00.5Z"));

    var docs = Files.readString(Path.of("..", "docs", "store.md"));
    var from = docs.indexOf("select replica");
    var found = new ArrayList<String>();
    try (var connection = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = connection.createStatement();
        var rows = statement.executeQuery(docs.substring(from, docs.indexOf(';', from)))) {
      while (rows.next()) {
        found.add(rows.getString(1) + " " + rows.getString(2) + " " + rows.getString(3));
      }
    }

    assertThat(found)
        .containsExactly("gone 2 2026-01-01T12:00:00Z", "here 2 2026-03-01T12:00:00.500Z");
  }

  @Override
  void refuseBadParts() throws Exception {
    Postgres.executeAt(url, "alter table kith_learned add check (part <> 'bad')");
  }
}
