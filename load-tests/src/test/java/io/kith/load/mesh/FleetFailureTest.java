package io.kith.load.mesh;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.ListAuditRequest;
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
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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
 * rolled and while their database is gone, answers nothing, is full and fails over, in each mode,
 * and when a person denies something. Envoy fails closed throughout, so what passes was decided.
 */
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class FleetFailureTest {
  private static final int FURTHER = 100;

  /** Something that is no workload's business here. */
  private static final String PARTNERS = "partners/*";

  private static final String NOTE = "x".repeat(900);
  private static final Duration FAR = Duration.ofSeconds(2);
  private static final Duration AGE = Duration.ofSeconds(3);
  private static final List<String> AGING =
      List.of("env", "KITH_SERVER_CONNECTIONAGE=" + AGE.toSeconds() + "s");
  private static final String CHECKS = "kith_check_duration_seconds_count{part=\"total\"}";
  private static final Pattern ANSWERED = Pattern.compile("opened (\\d+), answered (\\d+)");
  private static final List<String> MODES = List.of("observe", "shadow", "enforce");

  private static Lab lab;
  private static Path disk;
  private static Postgres primary;
  private static final List<Postgres> standbys = new ArrayList<>();
  private static CommitRelay relay;
  private static Replica two;
  private static Replica three;
  private static Mesh mesh;
  private static Envoy envoy;

  @BeforeAll
  static void start() throws Exception {
    envoy = Envoy.find(EnforcedMesh.SAY);
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
            Mesh.Options.of("kr")
                .shared(store + ", replica: one", keys, List.of(9192 + FURTHER, 9192 + 2 * FURTHER))
                .withServerBehind(AGING)
                .waiting(Duration.ofSeconds(5)));
    mesh.checkout().write("/tmp/many.pl", Breakage.text());
    two = new Replica("two", lab.folder(), lab.address(), 9191 + FURTHER);
    three = new Replica("three", lab.folder(), lab.address(), 9191 + 2 * FURTHER);
    start(two);
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
    parts.add(three);
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
  private static void start(Replica server) throws Exception {
    var text = Files.readString(mesh.config()).replace("replica: one", "replica: " + server.name());
    for (var port : List.of(9191, 9192, 9194)) {
      text = text.replaceFirst(":" + port + "\"}", ":" + (port - 9191 + server.checks()) + "\"}");
    }
    server.start(
        AGING,
        text.replace(
            lab.folder().resolve("admin.sock").toString(), server.adminSocket().toString()));
    Mesh.await("the bridge answers server " + server.name(), Mesh.PATIENCE, server::bridgeAnswers);
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
            start(two);
            mesh.server().close();
            mesh.startServer();
            Mesh.await("the bridge is attached", Mesh.PATIENCE, mesh::bridgeAttached);
          });
    }
  }

  /**
   * Runs while something happens and for a moment more: under observe, where nothing is refused but
   * for want of an answer. Returns how many connections that was, of how many.
   */
  private static int[] unansweredWhile(Action action) throws Exception {
    var done = new AtomicBoolean();
    var running = new CountDownLatch(1);
    var to = mesh.shop().place(mesh.database());
    try (var threads = Executors.newSingleThreadExecutor()) {
      Future<int[]> traffic =
          threads.submit(
              () -> {
                var sum = new int[2];
                do {
                  var said =
                      mesh.run(
                          List.of(
                              "/usr/bin/perl",
                              "/tmp/many.pl",
                              to.host(),
                              Integer.toString(to.port()),
                              "2",
                              "10"));
                  var counted = ANSWERED.matcher(said.stdout());
                  assertThat(counted.find()).as("%s", said).isTrue();
                  sum[1] += Integer.parseInt(counted.group(1));
                  sum[0] += Integer.parseInt(counted.group(1)) - Integer.parseInt(counted.group(2));
                  running.countDown();
                } while (!done.get());
                return sum;
              });
      try {
        while (!running.await(20, TimeUnit.MILLISECONDS) && !traffic.isDone()) {}
        action.happen();
        Thread.sleep(AGE);
      } finally {
        done.set(true);
      }
      return traffic.get();
    }
  }

  /** Its address stays in the cluster: what it does not answer any more, another is asked. */
  @Test
  @Order(2)
  void server_ends_whileBothAreAsked_nothingIsRefusedForWantOfAnAnswer() throws Exception {
    enter("observe");
    var ofSecond = unansweredWhile(two::stop);
    start(two);
    var ofFirst = unansweredWhile(() -> mesh.server().close());
    mesh.startServer();
    Mesh.await("the bridge is attached", Mesh.PATIENCE, mesh::bridgeAttached);
    EnforcedMesh.SAY.accept(
        "refused for want of an answer while a server ended: %d of %d, and %d of %d"
            .formatted(ofSecond[0], ofSecond[1], ofFirst[0], ofFirst[1]));

    assertThat(ofSecond[0] + ofFirst[0]).isZero();
  }

  /** Writes where servers are, as a whole. */
  private static void endpoints(Path file, int... ports) throws IOException {
    var endpoints =
        Arrays.stream(ports)
            .mapToObj(
                port ->
                    "{endpoint: {address: {socket_address: {address: %s, port_value: %d}}}}"
                        .formatted(lab.address().getHostAddress(), port))
            .collect(Collectors.joining(", "));
    var next = file.resolveSibling("next.yaml");
    Files.writeString(
        next,
        """
        resources:
        - "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
          cluster_name: kith_server
          endpoints:
          - lb_endpoints: [%s]
        """
            .formatted(endpoints));
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static String withServersOf(Path file, String recipe) {
    var cluster =
        Pattern.compile(
                """
                (  - name: kith_server
                )    type: STATIC
                (.*
                )    load_assignment:
                (?:      .*
                )*\
                """)
            .matcher(recipe);
    assertThat(cluster.find()).as(recipe).isTrue();
    return recipe.substring(0, cluster.start())
        + cluster.group(1)
        + "    type: EDS\n    eds_cluster_config:\n      eds_config:\n"
        + "        resource_api_version: V3\n        path_config_source: {path: \""
        + file
        + "\"}\n"
        + cluster.group(2)
        + recipe.substring(cluster.end());
  }

  private static double checksOfFirst() throws Exception {
    return mesh.shop()
        .ask("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith(CHECKS + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(CHECKS.length() + 1)))
        .sum();
  }

  private static double checksOfThird() {
    try {
      return three.metric(CHECKS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** As when a headless Service gets one more address. */
  @Test
  @Order(3)
  void server_joins_andGetsItsShareWithinTwoAgesOfAConnection() throws Exception {
    enter("observe");
    var file = mesh.checkout().folder().resolve("servers.yaml");
    endpoints(file, 9191, two.checks());
    mesh.startEnvoy(envoy, false, recipe -> withServersOf(file, recipe));
    start(three);
    var of = new double[2];

    var unanswered =
        unansweredWhile(
            () -> {
              var before = three.metric(CHECKS);
              endpoints(file, 9191, two.checks(), three.checks());
              Mesh.await("Envoy has read it", Mesh.PATIENCE, () -> checksOfThird() > before);
              var all = checksOfFirst() + two.metric(CHECKS);
              var own = three.metric(CHECKS);
              Thread.sleep(AGE.multipliedBy(2));
              of[0] = three.metric(CHECKS) - own;
              of[1] = checksOfFirst() + two.metric(CHECKS) - all + of[0];
            });

    EnforcedMesh.SAY.accept(
        "a third server answered %.0f of %.0f Checks within two ages; refused for want of an answer: %d of %d"
            .formatted(of[0], of[1], unanswered[0], unanswered[1]));
    assertThat(of[0] / of[1]).isGreaterThanOrEqualTo(0.2);
    assertThat(unanswered[0]).isZero();
    // Of more programs that had the same addresses within so long a bridge says that it knows none.
    Thread.sleep(Duration.ofSeconds(10));
    enter("enforce");
    assertNothingWrongWhile("enforce", () -> Thread.sleep(AGE));
    three.stop();
    mesh.startEnvoy(envoy, false, FleetFailureTest::withBothServers);
  }

  @Test
  @Order(4)
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
  @Order(5)
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
  @Order(5)
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
  @Order(6)
  void database_full_noVerdictIsWrong_andChangesAreRefused() throws Exception {
    var ballast = disk.resolve("ballast");
    for (var mode : MODES) {
      enter(mode);
      assertNothingWrongWhile(
          mode,
          () -> {
            Refused refused;
            fill(ballast);
            try {
              refused = changeUntilRefused();
            } finally {
              Files.delete(ballast);
              primary.begin();
            }
            Mesh.await("changes are taken again", Mesh.PATIENCE, () -> isTaken("observe"));
            if (!refused.why().contains("not known")) {
              assertThat(changesOf(PARTNERS))
                  .noneMatch(one -> one.getNote().equals(refused.note()));
            }
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

  private record Refused(String note, String why) {}

  /**
   * The first change that is refused on a full disk. One after it may find room again, where the
   * database reuses or clears up its own.
   */
  private static Refused changeUntilRefused() {
    for (var i = 0; i < 2_000; i++) {
      var note = UUID.randomUUID() + NOTE;
      try {
        change("observe", note);
      } catch (StatusRuntimeException e) {
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED);
        var why = requireNonNull(e.getStatus().getDescription());
        EnforcedMesh.SAY.accept("change " + (i + 1) + " is refused: " + why);
        return new Refused(note, why);
      }
    }
    throw new AssertionError("the disk is full and changes are taken");
  }

  private static void assertRefused() {
    assertThatThrownBy(() -> change("observe"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED));
  }

  /** The standby has all by then, as with synchronous replication. */
  @Test
  @Order(7)
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

  /** A try of an application. */
  private record Try(Instant began, Instant ended, boolean passed) {}

  /** An application that connects again and again, as often as it can. */
  private static List<Try> triesUntil(AtomicBoolean done) throws Exception {
    var tries = new ArrayList<Try>();
    do {
      var began = Instant.now();
      var passed = mesh.run(Attack.ANOTHER_PROGRAM).stdout().contains(mesh.database().token());
      tries.add(new Try(began, Instant.now(), passed));
    } while (!done.get());
    return tries;
  }

  private static double refusedByHand(String metrics) {
    return metrics
        .lines()
        .filter(
            line -> line.startsWith("kith_checks_total{verdict=\"deny\",reason=\"denied_by_hand\""))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  private static boolean bothRefuseByHand() {
    try {
      return refusedByHand(mesh.shop().ask("/metrics").body()) > 0
          && refusedByHand(two.metrics()) > 0;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<AuditRecord> changesOf(String subject) {
    return mesh.admin()
        .listAudit(ListAuditRequest.newBuilder().setSubject(subject).build())
        .getRecordsList();
  }

  /** When the log of changes got what somebody noted. */
  private static Instant written(String note) {
    var at =
        changesOf(Mesh.CHECKOUT).stream()
            .filter(record -> record.getNote().contains(note))
            .findFirst()
            .orElseThrow()
            .getAt();
    return Instant.ofEpochSecond(at.getSeconds(), at.getNanos());
  }

  /**
   * From a person's command to what an application notices, whichever server its Envoy asks. How
   * long it takes is said; {@code kith bench bars} measures it.
   */
  @Test
  @Order(8)
  void deny_byHand_isRefusedByBothServersThroughEnvoy() throws Exception {
    enter("enforce");
    var program = mesh.refusal(Attack.ANOTHER_PROGRAM).getId();
    mesh.kith("allow", Mesh.CHECKOUT, program, "--note", "test").orFail();
    awaitAgreement();
    assertThat(mesh.passes(Attack.ANOTHER_PROGRAM)).isTrue();
    var done = new AtomicBoolean();
    var tries = new ArrayList<Try>();
    Instant asked;
    try (var threads = Executors.newFixedThreadPool(3)) {
      var applications =
          IntStream.range(0, 3).mapToObj(_ -> threads.submit(() -> triesUntil(done))).toList();
      try {
        Thread.sleep(AGE);
        asked = Instant.now();
        mesh.kith("deny", Mesh.CHECKOUT, program, "--note", "beside traffic").orFail();
        Mesh.await("both servers refuse it", Mesh.PATIENCE, FleetFailureTest::bothRefuseByHand);
      } finally {
        done.set(true);
      }
      for (var application : applications) {
        tries.addAll(application.get());
      }
    }
    sayHowLong(asked, written("beside traffic"), tries);

    assertThat(tries)
        .filteredOn(one -> one.ended().isBefore(asked))
        .extracting(Try::passed)
        .contains(true);
    for (var i = 0; i < 10; i++) {
      assertThat(mesh.run(Attack.ANOTHER_PROGRAM).stdout()).doesNotContain(mesh.database().token());
    }
    assertThat(mesh.refusal(Attack.ANOTHER_PROGRAM).getReason()).isEqualTo("denied_by_hand");
  }

  private static void sayHowLong(Instant asked, Instant written, List<Try> tries) {
    var refused =
        tries.stream()
            .filter(one -> !one.passed() && one.ended().isAfter(written))
            .map(Try::ended)
            .min(Comparator.naturalOrder())
            .orElseThrow();
    var passed =
        tries.stream()
            .filter(Try::passed)
            .map(Try::began)
            .max(Comparator.naturalOrder())
            .orElseThrow();
    EnforcedMesh.SAY.accept(
        "kith deny was written after %d ms; from then to the end of the first try that was refused %d ms, to the begin of the last that passed %d ms; %d tries"
            .formatted(
                Duration.between(asked, written).toMillis(),
                Duration.between(written, refused).toMillis(),
                Duration.between(written, passed).toMillis(),
                tries.size()));
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

  private static void change(String mode) {
    change(mode, NOTE);
  }

  private static void change(String mode, String note) {
    var _ =
        mesh.admin()
            .setMode(
                SetModeRequest.newBuilder().setScope(PARTNERS).setMode(mode).setNote(note).build());
  }
}
