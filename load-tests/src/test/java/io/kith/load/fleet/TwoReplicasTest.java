package io.kith.load.fleet;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.AllowResponse;
import io.kith.admin.v1.ApproveRequest;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.RollbackRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Postgres;
import io.kith.load.tools.ToolCache;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * Two servers on one PostgreSQL: how soon they agree, and what they answer while it is away.
 *
 * <p>The database is away for 8 s; with {@code -Ddurability=…} for a minute.
 */
@Timeout(600)
@TestMethodOrder(MethodOrderer.MethodName.class)
class TwoReplicasTest {
  private static final boolean LONG = Integer.getInteger("durability") != null;
  private static final Duration AWAY = Duration.ofSeconds(LONG ? 60 : 8);
  private static final int CHANGES = LONG ? 100 : 20;

  /** Baselines that come in force and are taken back, besides. */
  private static final int REVISIONS = LONG ? 10 : 2;

  /** Well below the 30 s after which a server gives up on an answer. */
  private static final Duration HANGS = Duration.ofSeconds(3);

  /** What is promised of every change. */
  private static final Duration PROMISED = Duration.ofSeconds(2);

  /** How long is waited before it counts as never. */
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static Path folder;
  private static Postgres postgres;
  private static String url;
  private static CommitRelay relay;
  private static Fleet fleet;
  private static String store;
  private static ServerProcess one;
  private static ServerProcess two;
  private static PodsAt podsOfOne;
  private static PodsAt podsOfTwo;
  private static Operator operator;
  private static Member member;
  private static Member observed;
  private static Member shadowed;
  private static final AtomicInteger NAMES = new AtomicInteger(10_000);

  @BeforeAll
  static void start() throws Exception {
    folder = Files.createTempDirectory("kith-r");
    fleet = Fleet.make(folder, 3);
    member = fleet.members().getFirst();
    observed = fleet.members().get(1);
    shadowed = fleet.members().get(2);
    postgres = Postgres.start(System.out::println);
    relay = new CommitRelay(postgres.port());
    url = postgres.newDatabase();
    store = fleet.postgresql(url, Postgres.USER, Postgres.PASSWORD);
    var relayed =
        url.replace(":" + postgres.port() + "/", ":" + relay.port() + "/") + "?prepareThreshold=0";
    one =
        new Setup(fleet, "one", fleet.postgresql(relayed, Postgres.USER, Postgres.PASSWORD))
            .startAndWait();
    two = new Setup(fleet, "two", store).startAndWait();
    podsOfOne = new PodsAt(fleet, one);
    podsOfTwo = new PodsAt(fleet, two);
    operator = new Operator(fleet, member, 1);
    operator.begin(one, podsOfOne);
    new Operator(fleet, shadowed, 2).begin(one, podsOfOne);
    var _ =
        one.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(shadowed.owner())
                    .setMode("shadow")
                    .setNote("look first")
                    .build());
    awaitAgreement();
  }

  @AfterAll
  static void stop() throws Exception {
    podsOfOne.close();
    podsOfTwo.close();
    one.kill();
    two.kill();
    relay.close();
    postgres.close();
    fleet.close();
    ToolCache.delete(folder);
  }

  private static void awaitAgreement() throws InterruptedException {
    Mesh.await(
        "both are at the same change",
        PATIENCE,
        () -> {
          var here = one.status().getStore();
          var there = two.status().getStore();
          return here.getHealthy()
              && there.getHealthy()
              && here.getPosition() == there.getPosition();
        });
  }

  private static String stranger() {
    return "/app/" + Operator.word(NAMES.incrementAndGet());
  }

  private static Destination somewhere() {
    return fleet.destinations().get(5);
  }

  private static boolean passes(PodsAt pods, String program) {
    return pods.check(member, program, somewhere()).allowed();
  }

  /** The workload under enforce is decided as ever, a stranger passes in the others alone. */
  private static void assertVerdicts(PodsAt pods, String stranger) {
    operator.verifyVerdicts(pods);
    assertThat(passes(pods, stranger)).isFalse();
    assertThat(pods.check(observed, stranger, somewhere()).allowed()).isTrue();
    assertThat(pods.check(shadowed, stranger, somewhere()).allowed()).isTrue();
  }

  private static AllowResponse allow(ServerProcess at, String decision, String note) {
    return at.admin()
        .allow(
            AllowRequest.newBuilder()
                .setOwner(member.owner())
                .setDecisionId(decision)
                .setNote(note)
                .build());
  }

  private static void remove(ServerProcess at, String rule) {
    at.admin()
        .removeRule(
            RemoveRuleRequest.newBuilder()
                .setOwner(member.owner())
                .setId(rule)
                .setNote("enough")
                .build());
  }

  /** Milliseconds from the answer to a change until both decide by it, for many changes. */
  private static List<Long> timesToAgreement() throws InterruptedException {
    var times = new ArrayList<Long>();
    for (var i = 0; i < REVISIONS; i++) {
      times.addAll(timesOfRevision(i % 2 == 0 ? one : two, i % 2 == 0 ? podsOfOne : podsOfTwo));
    }
    for (var i = 0; i < CHANGES / 2; i++) {
      var here = i % 2 == 0 ? one : two;
      var podsHere = i % 2 == 0 ? podsOfOne : podsOfTwo;
      var program = stranger();
      var decision = podsHere.check(member, program, somewhere()).decisionId();
      var rule = allow(here, decision, "news").getEdge().getId();
      times.add(millisUntilBoth(program, true));
      remove(here, rule);
      times.add(millisUntilBoth(program, false));
    }
    return times;
  }

  /** A revision with one more edge comes in force, and is taken back. */
  private static List<Long> timesOfRevision(ServerProcess here, PodsAt podsHere)
      throws InterruptedException {
    var program = stranger();
    Mesh.await(
        program + " is among the edges",
        PATIENCE,
        () -> {
          assertThat(passes(podsHere, program)).isFalse();
          return edgeOf(here, program) != null;
        });
    var _ =
        here.admin()
            .approve(
                ApproveRequest.newBuilder()
                    .setOwner(member.owner())
                    .addEdgeIds(requireNonNull(edgeOf(here, program)).getId())
                    .setNote("reviewed")
                    .build());
    var _ =
        here.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(member.owner())
                    .setMode("enforce")
                    .setNote("in force")
                    .build());
    var inForce = millisUntilBoth(program, true);
    var _ =
        here.admin()
            .rollback(
                RollbackRequest.newBuilder().setOwner(member.owner()).setNote("back").build());
    return List.of(inForce, millisUntilBoth(program, false));
  }

  private static @Nullable Edge edgeOf(ServerProcess at, String program) {
    return at
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(member.owner()).build())
        .getEdgesList()
        .stream()
        .filter(edge -> edge.getProcess().equals(program))
        .findFirst()
        .orElse(null);
  }

  private static long millisUntilBoth(String program, boolean pass) throws InterruptedException {
    var acknowledged = System.nanoTime();
    for (var pods : List.of(podsOfOne, podsOfTwo)) {
      Mesh.await(
          program + (pass ? " passes" : " is refused") + " at both",
          PATIENCE,
          () -> passes(pods, program) == pass);
    }
    return Duration.ofNanos(System.nanoTime() - acknowledged).toMillis();
  }

  private static void report(String what, List<Long> times) {
    var sorted = times.stream().sorted().toList();
    System.out.printf(
        "%s: both servers agreed on %d changes after %d ms at the median, %d ms at most%n",
        what, sorted.size(), sorted.get(sorted.size() / 2), sorted.getLast());
    assertThat(LONG ? sorted.getLast() : sorted.get(sorted.size() / 2))
        .as(what)
        .isLessThan(PROMISED.toMillis());
  }

  @Test
  void change_throughEither_isDecidedByBothWithinTwoSeconds() throws Exception {
    report("with LISTEN", timesToAgreement());
  }

  @Test
  void change_whileListenIsBroken_isDecidedByBothWithinTwoSeconds() throws Exception {
    var done = new AtomicBoolean();
    var broken = new AtomicInteger();
    try (var threads = Executors.newSingleThreadExecutor()) {
      var breaking =
          threads.submit(
              () -> {
                while (!done.get()) {
                  broken.addAndGet(endListeners());
                  Thread.sleep(20);
                }
                return null;
              });
      try {
        report("with LISTEN broken again and again", timesToAgreement());
      } finally {
        done.set(true);
      }
      breaking.get();
    }
    assertThat(broken.get()).isPositive();
    awaitAgreement();
  }

  private static int endListeners() throws Exception {
    try (var connection = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = connection.createStatement();
        var ended =
            statement.executeQuery(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where"
                    + " application_name = 'kith' and query in ('listen kith_change', 'select"
                    + " 1')")) {
      ended.next();
      return ended.getInt(1);
    }
  }

  @Test
  void database_away_noVerdictIsWrong_changesAreRefused_andWorkAfterwards() throws Exception {
    var stranger = stranger();
    var decision = podsOfTwo.check(member, stranger, somewhere()).decisionId();
    var before = two.status().getStore().getPosition();
    var rounds = 0;
    var refused = new AtomicInteger();
    postgres.crash();
    try (var people = Executors.newSingleThreadExecutor()) {
      var end = System.nanoTime() + AWAY.toNanos();
      var trying =
          people.submit(
              () -> {
                while (System.nanoTime() < end) {
                  assertRefused(decision);
                  refused.incrementAndGet();
                }
              });
      while (!trying.isDone()) {
        for (var pods : List.of(podsOfOne, podsOfTwo)) {
          assertVerdicts(pods, stranger);
        }
        rounds++;
      }
      trying.get();
      assertThat(two.status().getStore().getHealthy()).isFalse();
      assertThat(two.status().getStore().getProblem()).contains("PostgreSQL at 127.0.0.1:");
    } finally {
      postgres.begin();
    }
    var back = System.nanoTime();
    Mesh.await(
        "changes are taken again",
        PATIENCE,
        () -> {
          try {
            var seen = podsOfTwo.check(member, stranger, somewhere()).decisionId();
            allow(two, seen, "it is back");
            return true;
          } catch (StatusRuntimeException e) {
            assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED);
            return false;
          }
        });
    var taken = Duration.ofNanos(System.nanoTime() - back).toMillis();
    var agreed = millisUntilBoth(stranger, true);
    System.out.printf(
        "database away for %d s: %d rounds of checks at both servers, none wrong; %d changes"
            + " refused; changes taken %d ms after it was back, agreed on %d ms later%n",
        AWAY.toSeconds(), rounds, refused.get(), taken, agreed);
    awaitAgreement();
    assertThat(two.status().getStore().getPosition()).isEqualTo(before + 1);
  }

  private static void assertRefused(String decision) {
    assertThatThrownBy(() -> allow(two, decision, "while it is away"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED);
              assertThat(e.getStatus().getDescription())
                  .startsWith("nothing was changed: PostgreSQL at 127.0.0.1:");
            });
  }

  @Test
  void database_hangs_noVerdictIsWrong_andChangesWait() throws Exception {
    var stranger = stranger();
    var decision = podsOfTwo.check(member, stranger, somewhere()).decisionId();
    try (var blocker = DriverManager.getConnection(url, Postgres.USER, Postgres.PASSWORD);
        var statement = blocker.createStatement();
        var people = Executors.newSingleThreadExecutor()) {
      blocker.setAutoCommit(false);
      statement.execute("lock table kith_change in access exclusive mode");
      var change = people.submit(() -> allow(two, decision, "when it answers"));
      var end = System.nanoTime() + HANGS.toNanos();
      do {
        for (var pods : List.of(podsOfOne, podsOfTwo)) {
          assertVerdicts(pods, stranger);
        }
      } while (System.nanoTime() < end);
      assertThat(change.isDone()).isFalse();

      blocker.rollback();

      assertThat(change.get().getEdge().getId()).isNotEmpty();
    }
    millisUntilBoth(stranger, true);
    awaitAgreement();
  }

  /** As a standby that took over before it had all. */
  @Test
  void database_lacksTheLastChange_noVerdictIsWrong_changesAreRefused() throws Exception {
    var stranger = stranger();
    var another = stranger();
    var decision = podsOfTwo.check(member, stranger, somewhere()).decisionId();
    var next = podsOfTwo.check(member, another, somewhere()).decisionId();
    var rule = allow(two, decision, "the last one").getEdge().getId();
    millisUntilBoth(stranger, true);
    awaitAgreement();
    var last = two.status().getStore().getPosition();
    Postgres.executeAt(
        url,
        "create table lost as select * from kith_change where position = %1$d; delete from kith_change where position = %1$d"
            .formatted(last));
    try {
      Mesh.await(
          "both notice",
          PATIENCE,
          () -> Stream.of(one, two).noneMatch(server -> server.status().getStore().getHealthy()));

      for (var pods : List.of(podsOfOne, podsOfTwo)) {
        assertVerdicts(pods, another);
        assertThat(passes(pods, stranger)).isTrue();
      }
      assertThatThrownBy(() -> allow(two, next, "behind"))
          .isInstanceOfSatisfying(
              StatusRuntimeException.class,
              e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED));
    } finally {
      Postgres.executeAt(url, "insert into kith_change select * from lost; drop table lost");
    }
    awaitAgreement();
    remove(two, rule);
    millisUntilBoth(stranger, false);
    awaitAgreement();
  }

  @Test
  void thirdServer_joinsWhileChangesAreMade_andNeverDecidesWrongly() throws Exception {
    var done = new AtomicBoolean();
    var made = new AtomicInteger();
    try (var people = Executors.newSingleThreadExecutor()) {
      var work =
          people.submit(
              () -> {
                while (!done.get()) {
                  var decision = podsOfOne.check(member, stranger(), somewhere()).decisionId();
                  remove(one, allow(one, decision, "meanwhile").getEdge().getId());
                  made.addAndGet(2);
                }
              });
      try (var three = new Setup(fleet, "three", store).startAndWait();
          var pods = new PodsAt(fleet, three)) {
        for (var i = 0; i < 20; i++) {
          operator.verifyVerdicts(pods);
        }
        done.set(true);
        work.get();
        Mesh.await(
            "the third is where the first is",
            PATIENCE,
            () -> three.status().getStore().getPosition() == one.status().getStore().getPosition());
        operator.verifyVerdicts(pods);
        assertThat(three.metric("kith_log_refused_total")).isZero();
      } finally {
        done.set(true);
      }
    }
    System.out.printf("a third server joined during %d changes, no verdict wrong%n", made.get());
  }

  @Test
  void sidecar_thatAsksTheOne_isKnownToTheOther_andStaysSo() throws Exception {
    podsOfOne.failure("closed");
    try {
      for (var one : fleet.members()) {
        var _ = podsOfOne.check(one, "/app/shop", fleet.destinations().getFirst());
      }
      awaitSidecars(two, 0, 3);

      podsOfOne.failure("open");
      var changed = System.nanoTime();
      var _ = podsOfOne.check(member, "/app/shop", fleet.destinations().getFirst());
      awaitSidecars(two, 1, 2);
      System.out.printf(
          "a sidecar that opened at one server was known to the other after %d ms%n",
          Duration.ofNanos(System.nanoTime() - changed).toMillis());
      try (var three = new Setup(fleet, "three", store).startAndWait()) {
        awaitSidecars(three, 1, 2);
      }
    } finally {
      podsOfOne.failure("");
    }
  }

  private static void awaitSidecars(ServerProcess at, long open, long closed)
      throws InterruptedException {
    Mesh.await(
        open + " open and " + closed + " closed sidecars are known to " + at.name(),
        PATIENCE,
        () -> at.sidecars("open") == open && at.sidecars("closed") == closed);
  }

  // the answer to a commit is lost: one is behind a relay

  private static List<String> notes() {
    return one
        .admin()
        .listAudit(ListAuditRequest.newBuilder().setLimit(1_000).build())
        .getRecordsList()
        .stream()
        .map(record -> record.getNote())
        .toList();
  }

  private static long rulesWith(String note) {
    return one
        .admin()
        .listRules(ListRulesRequest.newBuilder().setOwner(member.owner()).build())
        .getRulesList()
        .stream()
        .filter(rule -> rule.getNote().equals(note))
        .count();
  }

  private void lostAndFound(CommitRelay.Trouble trouble, String note) throws Exception {
    var stranger = stranger();
    var decision = podsOfOne.check(member, stranger, somewhere()).decisionId();
    var cuts = relay.cuts();
    relay.prepare(trouble);

    allow(one, decision, note);

    assertThat(relay.cuts()).isEqualTo(cuts + 1);
    assertThat(Collections.frequency(notes(), note)).isEqualTo(1);
    millisUntilBoth(stranger, true);
    awaitAgreement();
  }

  @Test
  void commit_answerLost_isFoundInTheLog_andAcknowledgedOnce() throws Exception {
    lostAndFound(CommitRelay.Trouble.ANSWER_LOST, "answer lost");
  }

  @Test
  void commit_thatArrivesLate_isNotCalledUndone() throws Exception {
    lostAndFound(CommitRelay.Trouble.LATE, "late");
  }

  @Test
  void commit_answerLostAndDatabaseAway_isSaidToBeUnknown_andIsThereOnce() throws Exception {
    var stranger = stranger();
    var decision = podsOfOne.check(member, stranger, somewhere()).decisionId();
    relay.prepare(CommitRelay.Trouble.ANSWER_LOST_AND_AWAY);
    try {
      assertThatThrownBy(() -> allow(one, decision, "perhaps"))
          .isInstanceOfSatisfying(
              StatusRuntimeException.class,
              e -> {
                assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED);
                assertThat(e.getStatus().getDescription())
                    .startsWith("it is not known whether the store took the change: PostgreSQL at")
                    .endsWith("(see kith audit when it answers again)");
              });
      assertThat(passes(podsOfOne, stranger)).as("not acknowledged, not applied").isFalse();
    } finally {
      relay.heal();
    }

    millisUntilBoth(stranger, true);
    assertThatThrownBy(() -> allow(one, decision, "perhaps"))
        .isInstanceOf(StatusRuntimeException.class)
        .hasMessageContaining("the same rule is there already");
    awaitAgreement();
    assertThat(rulesWith("perhaps")).as("the same rule").isEqualTo(1);
    assertThat(passes(podsOfTwo, stranger)).isTrue();
  }
}
