package io.kith.load.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.tools.Postgres;
import io.kith.load.tools.ToolCache;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * kill -9 of a server at random moments, while people change everything there is to change and pods
 * connect: what was acknowledged outlives it.
 *
 * <p>15 kills with SQLite and 5 with PostgreSQL; with {@code -Ddurability=200} so many, and a fifth
 * of them with PostgreSQL. The seed is printed; {@code -Ddurability.seed} repeats one.
 */
@Timeout(1_800)
class DurabilityTest {
  private static final int KILLS = Integer.getInteger("durability", 15);
  private static final long SEED = Long.getLong("durability.seed", System.nanoTime());

  /** So many changes at most are acknowledged before the server is killed, and a moment passes. */
  private static final int CHANGES = 40;

  private static final int MOMENT_MICROS = 20_000;

  /** Stores begin anew after so many kills, since the whole log is looked at after each. */
  private static final int KILLS_PER_STORE = 50;

  private static Path folder;

  @BeforeAll
  static void pack() throws Exception {
    folder = Files.createTempDirectory("kith-d");
  }

  @AfterAll
  static void remove() throws Exception {
    ToolCache.delete(folder);
  }

  @Test
  void kill_atRandomMoments_losesNothingAcknowledged_inSqlite() throws Exception {
    try (var fleet = Fleet.make(Files.createDirectory(folder.resolve("s")), 5)) {
      for (var done = 0; done < KILLS; done += KILLS_PER_STORE) {
        var name = "s" + done;
        var store = Fleet.sqlite(fleet.folder().resolve(name + "/kith.db"));
        new Killing(new Setup(fleet, name, store), SEED + done)
            .run(Math.min(KILLS_PER_STORE, KILLS - done));
      }
    }
  }

  @Test
  void kill_atRandomMoments_losesNothingAcknowledged_inPostgresql() throws Exception {
    try (var postgres = Postgres.start(_ -> {});
        var fleet = Fleet.make(Files.createDirectory(folder.resolve("p")), 5)) {
      var store = fleet.postgresql(postgres.newDatabase(), Postgres.USER, Postgres.PASSWORD);
      new Killing(new Setup(fleet, "p", store), SEED + 1).run(Math.max(5, KILLS / 5));
    }
  }

  /** One store, many servers on it one after the other. */
  private static final class Killing {
    private final Setup setup;
    private final long seed;
    private final Random random;
    private final List<Operator> operators = new ArrayList<>();
    private final Member learner;
    private long startMillis = 3_000;
    private int log;
    private int inDoubt;
    private int undecided;

    Killing(Setup setup, long seed) {
      this.setup = setup;
      this.seed = seed;
      this.random = new Random(seed);
      var members = setup.fleet().members();
      for (var member : members.subList(0, members.size() - 1)) {
        operators.add(new Operator(setup.fleet(), member, random.nextLong()));
      }
      learner = members.getLast();
    }

    void run(int kills) throws Exception {
      System.out.printf("%s: %d kills, seed %d%n", setup.name(), kills, seed);
      var began = System.nanoTime();
      begin();
      var starting = 0;
      for (var kill = 0; kill < kills; kill++) {
        if (random.nextInt(4) == 0) {
          starting++;
          killWhileItStarts();
        } else {
          killAtWork();
        }
      }
      try (var server = setup.startAndWait();
          var pods = new PodsAt(setup.fleet(), server)) {
        verify(server, pods);
        assertThat(server.metric("kith_log_refused_total")).isZero();
      }
      System.out.printf(
          "%s: %d kills (%d while it started, %d with changes in doubt), %d changes acknowledged,"
              + " %d in the log, 0 lost; %d Checks asked again as they were not decided, %.0f s%n",
          setup.name(),
          kills,
          starting,
          inDoubt,
          operators.stream().mapToInt(Operator::acknowledgements).sum(),
          log,
          undecided,
          (System.nanoTime() - began) / 1e9);
    }

    private void begin() throws Exception {
      try (var server = setup.startAndWait();
          var pods = new PodsAt(setup.fleet(), server)) {
        for (var operator : operators) {
          operator.begin(server, pods);
        }
      }
    }

    private void killWhileItStarts() throws Exception {
      var server = setup.start();
      Thread.sleep(random.nextLong(startMillis + 1));
      server.kill();
    }

    private void killAtWork() throws Exception {
      var began = System.nanoTime();
      var server = setup.startAndWait();
      startMillis = Duration.ofNanos(System.nanoTime() - began).toMillis();
      try (var pods = new PodsAt(setup.fleet(), server)) {
        verify(server, pods);
        workUntilKilled(server, pods);
        undecided += pods.undecided();
        inDoubt += operators.stream().anyMatch(Operator::isInDoubt) ? 1 : 0;
      } finally {
        server.kill();
      }
    }

    private void workUntilKilled(ServerProcess server, PodsAt pods) throws Exception {
      var work = new ArrayList<Future<?>>();
      var enough = new CountDownLatch(random.nextInt(CHANGES));
      try (var people = Executors.newVirtualThreadPerTaskExecutor()) {
        for (var operator : operators) {
          work.add(people.submit(() -> workUntilItIsGone(operator, server, pods, enough)));
        }
        work.add(people.submit(() -> connectUntilItIsGone(pods)));
        enough.await(5, TimeUnit.MINUTES);
        Thread.sleep(Duration.ofNanos(1_000L * random.nextInt(MOMENT_MICROS)));
        server.kill();
      }
      for (var one : work) {
        one.get();
      }
      assertThat(enough.getCount()).as("changes that were not made within five minutes").isZero();
    }

    private static void workUntilItIsGone(
        Operator operator, ServerProcess server, PodsAt pods, CountDownLatch changes) {
      while (operator.changeSomething(server, pods)) {
        changes.countDown();
      }
    }

    /** Something to learn, so that there is something to write besides changes. */
    private void connectUntilItIsGone(PodsAt pods) {
      var destinations = setup.fleet().destinations();
      try {
        for (var i = 0; ; i++) {
          pods.check(
              learner,
              "/app/" + Operator.word(i % 50),
              destinations.get(i / 50 % destinations.size()));
          Thread.sleep(1);
        }
      } catch (StatusRuntimeException | InterruptedException _) {
        // the server is gone
      }
    }

    private void verify(ServerProcess server, PodsAt pods) {
      var store = server.status().getStore();
      assertThat(store.getHealthy()).as(store.getProblem()).isTrue();
      assertThat(server.log()).doesNotContain("was not taken over", "is damaged");
      var records = audit(server);
      assertThat(records.size()).isGreaterThanOrEqualTo(log);
      log = records.size();
      for (var i = 0; i < log; i++) {
        assertThat(records.get(i).getPosition()).isEqualTo(i + 1);
      }
      for (var operator : operators) {
        operator.verify(server, pods, records);
      }
      assertThat(operators.stream().mapToInt(Operator::acknowledgements).sum())
          .as("changes in the log that nobody sent")
          .isEqualTo(log);
    }

    private static List<AuditRecord> audit(ServerProcess server) {
      var records = new ArrayList<AuditRecord>();
      var before = 0L;
      do {
        var page =
            server
                .admin()
                .listAudit(ListAuditRequest.newBuilder().setBefore(before).setLimit(1_000).build())
                .getRecordsList();
        records.addAll(page);
        before = page.isEmpty() ? 1 : page.getLast().getPosition();
      } while (before > 1);
      return records.reversed();
    }
  }
}
