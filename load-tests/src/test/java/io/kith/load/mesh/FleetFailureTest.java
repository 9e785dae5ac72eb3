package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.fleet.CommitRelay;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Postgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * Two servers on one PostgreSQL with a standby, asked by the real Envoy: what passes while they are
 * rolled and while their database is gone, answers nothing, is full and fails over, in each mode.
 * Envoy fails closed throughout, so what passes was decided.
 */
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class FleetFailureTest {
  private static final int FURTHER = 100;
  private static final Duration FAR = Duration.ofSeconds(2);
  private static final List<String> MODES = List.of("observe", "shadow", "enforce");

  private static Lab lab;
  private static Path disk;
  private static Postgres primary;
  private static final List<Postgres> standbys = new ArrayList<>();
  private static CommitRelay relay;
  private static Replica two;
  private static Mesh mesh;

  @BeforeAll
  static void start() throws Exception {
    var envoy = Envoy.find(EnforcedMesh.SAY);
    lab = Lab.open("kr", EnforcedMesh.SAY);
    disk = Files.createDirectory(lab.folder().resolve("disk"));
    command("mount", "-t", "tmpfs", "-o", "size=256m,mode=1777", "kith-test", disk.toString());
    primary = Postgres.start(disk, EnforcedMesh.SAY);
    var url = primary.newDatabase();
    relay = new CommitRelay(primary.port());
    // Each follows the one before, and so there is one for the end of each.
    var last = primary;
    for (var i = 0; i < MODES.size(); i++) {
      last = last.standby();
      standbys.add(last);
    }
    var secret = Files.writeString(lab.folder().resolve("password"), Postgres.PASSWORD + "\n");
    var store =
        "type: postgresql, url: \"%s?targetServerType=primary\", user: %s, passwordFile: \"%s\""
            .formatted(
                url.replace(
                    "127.0.0.1:" + primary.port(),
                    Stream.concat(Stream.of(relay.port()), standbys.stream().map(Postgres::port))
                        .map(port -> "127.0.0.1:" + port)
                        .collect(Collectors.joining(","))),
                Postgres.USER,
                secret);
    var keys = "directory: \"" + lab.folder().resolve("keys") + "\"";
    mesh =
        EnforcedMesh.start(
            lab,
            envoy,
            Mesh.Options.of("kr").shared(store + ", replica: one", keys, List.of(9192 + FURTHER)));
    two = new Replica("two", lab.folder(), lab.address(), 9191 + FURTHER);
    startSecond();
    mesh.startEnvoy(envoy, false, FleetFailureTest::withBothServers);
    new Rounds(mesh).untilLearned(3);
    var _ =
        mesh.admin()
            .finishTestRun(
                FinishTestRunRequest.newBuilder()
                    .setOwner(Mesh.CHECKOUT)
                    .setNote("test run")
                    .build());
  }

  @AfterAll
  static void stop() throws Exception {
    var parts = new ArrayList<AutoCloseable>();
    parts.add(two);
    parts.add(mesh);
    parts.add(relay);
    parts.addAll(standbys.reversed());
    parts.add(primary);
    if (disk != null) {
      parts.add(() -> command("umount", "--lazy", disk.toString()));
    }
    parts.add(lab);
    for (var part : parts) {
      if (part != null) {
        part.close();
      }
    }
  }

  private static void command(String... argv) throws Exception {
    Command.run(Duration.ofMinutes(1), List.of(argv)).orFail();
  }

  /** The same configuration at other ports. */
  private static void startSecond() throws Exception {
    var text = Files.readString(mesh.config()).replace("replica: one", "replica: two");
    for (var port : List.of(9191, 9192, 9194)) {
      text = text.replaceFirst(":" + port + "\"}", ":" + (port + FURTHER) + "\"}");
    }
    two.start(
        List.of(),
        text.replace(lab.folder().resolve("admin.sock").toString(), two.adminSocket().toString()));
    Mesh.await("the bridge answers the second server", Mesh.PATIENCE, two::bridgeAnswers);
  }

  /** As a name with two addresses would be. */
  private static String withBothServers(String recipe) {
    var endpoint =
        Pattern.compile("( +)- endpoint:\n(?:\\1  .*\n)*?.*port_value: 9191\n").matcher(recipe);
    assertThat(endpoint.find()).as(recipe).isTrue();
    var text = endpoint.group();
    return recipe.substring(0, endpoint.end())
        + text.replace("9191", Integer.toString(9191 + FURTHER))
        + recipe.substring(endpoint.end());
  }

  private static void enter(String mode) throws Exception {
    var _ =
        mesh.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(Mesh.CHECKOUT)
                    .setMode(mode)
                    .setNote("test")
                    .build());
    awaitAgreement();
  }

  private static void awaitAgreement() throws InterruptedException {
    Mesh.await(
        "both are at the same change",
        Mesh.PATIENCE,
        () -> {
          var here = mesh.status().getStore();
          var there = two.admin().getStatus(GetStatusRequest.getDefaultInstance()).getStore();
          return here.getHealthy()
              && there.getHealthy()
              && here.getPosition() == there.getPosition();
        });
  }

  @FunctionalInterface
  private interface Action {
    void happen() throws Exception;
  }

  /**
   * While something happens normal work goes on; under enforce a stranger goes on to try, and gets
   * nothing. Not one verdict is wrong.
   */
  private static void assertNothingWrongWhile(String mode, Action action) throws Exception {
    var began = Instant.now();
    var done = new AtomicBoolean();
    var running = new CountDownLatch(1);
    try (var threads = Executors.newSingleThreadExecutor()) {
      Future<Integer> rounds =
          threads.submit(
              () -> {
                var count = 0;
                do {
                  var now = Instant.now();
                  rounds().succeed();
                  assertThat(wrongOfSecondSince(now)).isEmpty();
                  if (mode.equals("enforce")) {
                    assertThat(mesh.run(Attack.ANOTHER_PROGRAM).stdout())
                        .doesNotContain(mesh.database().token());
                  }
                  running.countDown();
                  count++;
                } while (!done.get());
                return count;
              });
      try {
        while (!running.await(20, TimeUnit.MILLISECONDS)) {
          if (rounds.isDone()) {
            break; // it says why below
          }
        }
        action.happen();
      } finally {
        done.set(true);
      }
      EnforcedMesh.SAY.accept(mode + ": " + rounds.get() + " rounds meanwhile, none wrong");
    }
    rounds().succeed();
    if (mode.equals("enforce")) {
      var refusal = mesh.refusal(Attack.ANOTHER_PROGRAM);
      assertThat(refusal.getReason()).isEqualTo(Attack.ANOTHER_PROGRAM.reason());
    } else {
      assertThat(mesh.denialsSince(began)).isEmpty();
    }
  }

  /** Of normal work, beside which another program is refused, perhaps later than it waits. */
  private static Rounds rounds() {
    return new Rounds(mesh, refusal -> isOf(refusal, Attack.ANOTHER_PROGRAM));
  }

  private static boolean isOf(DecisionRecord refusal, Attack attack) {
    return refusal.getProcess().equals(attack.process());
  }

  /** Refusals by the second server, of what is normal; none while it is away. */
  private static List<DecisionRecord> wrongOfSecondSince(Instant moment) {
    try {
      return two
          .admin()
          .listDecisions(
              ListDecisionsRequest.newBuilder()
                  .setOwner(Mesh.CHECKOUT)
                  .setDeniedOnly(true)
                  .setLimit(100)
                  .build())
          .getDecisionsList()
          .stream()
          .filter(
              one ->
                  !Instant.ofEpochSecond(one.getTime().getSeconds(), one.getTime().getNanos())
                      .isBefore(moment))
          .filter(one -> !Mesh.NOT_DECIDED.contains(one.getReason()))
          .filter(one -> !isOf(one, Attack.ANOTHER_PROGRAM))
          .toList();
    } catch (StatusRuntimeException _) {
      return List.of();
    }
  }

  @Test
  @Order(1)
  void servers_rolled_noVerdictIsWrong() throws Exception {
    for (var mode : MODES) {
      enter(mode);
      assertNothingWrongWhile(
          mode,
          () -> {
            two.stop();
            startSecond();
            mesh.server().close();
            mesh.startServer();
            Mesh.await("the bridge is attached", Mesh.PATIENCE, mesh::bridgeAttached);
          });
    }
  }

  @Test
  @Order(2)
  void database_gone_noVerdictIsWrong_andChangesAreRefused() throws Exception {
    for (var mode : MODES) {
      enter(mode);
      assertNothingWrongWhile(
          mode,
          () -> {
            primary.crash();
            try {
              assertRefused();
            } finally {
              primary.begin();
            }
            Mesh.await("changes are taken again", Mesh.PATIENCE, () -> isTaken("observe"));
          });
    }
  }

  /** Connections to it stay open, and no answer comes. */
  @Test
  @Order(3)
  void database_slow_noVerdictIsWrong_andChangesWait() throws Exception {
    for (var mode : MODES) {
      enter(mode);
      try (var people = Executors.newSingleThreadExecutor()) {
        assertNothingWrongWhile(
            mode,
            () -> {
              primary.freeze();
              Future<?> change;
              try {
                change = people.submit(() -> change("observe"));
                rounds().succeed();
                assertThat(change.isDone()).isFalse();
              } finally {
                primary.thaw();
              }
              change.get();
            });
      }
    }
  }

  /** It answers everything, two seconds late. */
  @Test
  @Order(3)
  void database_twoSecondsAway_noVerdictIsWrong_andChangesAreLate() throws Exception {
    for (var mode : MODES) {
      enter(mode);
      assertNothingWrongWhile(
          mode,
          () -> {
            relay.answersAfter(FAR);
            try {
              var began = System.nanoTime();
              var taken = isTaken("observe");
              rounds().succeed();
              assertThat(Duration.ofNanos(System.nanoTime() - began))
                  .as("a change that was " + (taken ? "taken" : "refused"))
                  .isGreaterThan(FAR);
            } finally {
              relay.answersAfter(Duration.ZERO);
            }
            Mesh.await("changes are taken again", Mesh.PATIENCE, () -> isTaken("observe"));
          });
    }
  }

  @Test
  @Order(4)
  void database_full_noVerdictIsWrong_andChangesAreRefused() throws Exception {
    var ballast = disk.resolve("ballast");
    for (var mode : MODES) {
      enter(mode);
      assertNothingWrongWhile(
          mode,
          () -> {
            fill(ballast);
            try {
              for (var i = 0; isTaken("observe"); i++) {
                assertThat(i).as("changes that are taken while the disk is full").isLessThan(2_000);
              }
              assertRefused();
            } finally {
              Files.delete(ballast);
              primary.begin();
            }
            Mesh.await("changes are taken again", Mesh.PATIENCE, () -> isTaken("observe"));
          });
    }
  }

  private static void fill(Path file) throws IOException {
    try (var out = Files.newOutputStream(file)) {
      var block = new byte[1 << 12];
      while (true) {
        out.write(block);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
  }

  private static void assertRefused() {
    assertThatThrownBy(() -> change("observe"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED));
  }

  /** The standby has all by then, as with synchronous replication. */
  @Test
  @Order(5)
  void database_failedOver_noVerdictIsWrong_andChangesAreTakenAgain() throws Exception {
    var first = primary;
    for (var i = 0; i < MODES.size(); i++) {
      var writing = first;
      var next = standbys.get(i);
      enter(MODES.get(i));
      Mesh.await("the standby has all", Mesh.PATIENCE, () -> isFollowed(writing));
      assertNothingWrongWhile(
          MODES.get(i),
          () -> {
            writing.crash();
            assertRefused();
            next.promote();
            Mesh.await("changes are taken again", Mesh.PATIENCE, () -> isTaken("observe"));
          });
      awaitAgreement();
      first = next;
    }
  }

  private static boolean isFollowed(Postgres writing) {
    try {
      return writing.isFollowed();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isTaken(String mode) {
    try {
      change(mode);
      return true;
    } catch (StatusRuntimeException _) {
      return false;
    }
  }

  /** Something that is no workload's business here. */
  private static void change(String mode) {
    var _ =
        mesh.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope("partners/*")
                    .setMode(mode)
                    .setNote("x".repeat(900))
                    .build());
  }
}
