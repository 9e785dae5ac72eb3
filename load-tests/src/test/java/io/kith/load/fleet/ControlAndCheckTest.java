package io.kith.load.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.CheckServerStatus;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.ToolCache;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * A control server on SQLite and a check server on a node, each a process: Checks go to the one,
 * people go to the other.
 */
@Timeout(900)
@TestMethodOrder(MethodOrderer.MethodName.class)
class ControlAndCheckTest {
  private static final int CHANGES = 10;

  private static Path folder;
  private static Fleet fleet;
  private static Setup controlSetup;
  private static Setup checkSetup;
  private static Setup strangerSetup;
  private static ServerProcess control;
  private static ServerProcess check;
  private static PodsAt pods;
  private static Operator operator;
  private static Member member;
  private static int strangers = 20_000;

  @BeforeAll
  static void start() throws Exception {
    folder = Files.createTempDirectory("kith-o");
    fleet = Fleet.make(folder, 3);
    member = fleet.members().getFirst();
    var port = FreePorts.next();
    controlSetup =
        new Setup(
            fleet, "control", Fleet.sqlite(folder.resolve("control/kith.db")), Part.control(port));
    checkSetup =
        new Setup(
            fleet, "check", Fleet.following(port, folder.resolve("check/copy")), Part.check());
    strangerSetup =
        new Setup(
            fleet,
            "stranger",
            Fleet.following(port, folder.resolve("stranger/copy")),
            Part.stranger());
    control = controlSetup.startAndWait();
    check = checkSetup.startAndWait();
    pods = new PodsAt(fleet, check);
    operator = new Operator(fleet, member, 1);
    operator.begin(control, pods); // what the check server saw is learned at the control server
    awaitEnforced();
  }

  @AfterAll
  static void stop() throws Exception {
    pods.close();
    check.kill();
    control.kill();
    fleet.close();
    ToolCache.delete(folder);
  }

  private static String stranger() {
    return "/app/" + Operator.word(++strangers);
  }

  private static boolean passes(String program, Destination to) {
    return pods.check(member, program, to).allowed();
  }

  private static Destination somewhere() {
    return fleet.destinations().get(5);
  }

  private static void awaitEnforced() throws InterruptedException {
    var stranger = stranger();
    Mesh.await("the check server enforces", Mesh.PATIENCE, () -> !passes(stranger, somewhere()));
  }

  /** What the control server says of the one check server; null when it follows no more. */
  private static @Nullable CheckServerStatus follower() {
    return control.status().getCheckServersList().stream().findFirst().orElse(null);
  }

  private static boolean isConnected() {
    try {
      return check.metric("kith_control_connected") == 1;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static String denyTheShop() {
    return new Person(control, member).deny("/app/shop", fleet.destinations().getFirst());
  }

  private static void remove(String rule) {
    new Person(control, member).remove(rule);
  }

  private static long millisUntilTheShop(boolean pass) throws InterruptedException {
    var acknowledged = System.nanoTime();
    Mesh.await(
        "the shop " + (pass ? "passes" : "is refused"),
        Mesh.PATIENCE,
        () -> passes("/app/shop", fleet.destinations().getFirst()) == pass);
    return Duration.ofNanos(System.nanoTime() - acknowledged).toMillis();
  }

  @Test
  void change_atTheControlServer_isLiveAtTheCheckServer() throws Exception {
    var times = new ArrayList<Long>();
    for (var i = 0; i < CHANGES / 2; i++) {
      var rule = denyTheShop();
      times.add(millisUntilTheShop(false));
      remove(rule);
      times.add(millisUntilTheShop(true));
    }
    times.sort(null);
    System.out.printf(
        "%d changes at the control server were live at the check server after %d ms at the median,"
            + " %d ms at most%n",
        times.size(), times.get(times.size() / 2), times.getLast());
  }

  @Test
  void control_listsTheCheckServer_whichHoldsItsPodsWorkloadsOnly() throws Exception {
    Mesh.await(
        "the check server is where the control server is",
        Mesh.PATIENCE,
        () -> {
          var follower = follower();
          return follower != null && follower.getBehind() == 0 && follower.getPods() == 3;
        });

    var follower = Objects.requireNonNull(follower());
    assertThat(follower.getName()).isEqualTo(Fleet.CHECK + "#node-1");
    assertThat(follower.getPosition()).isEqualTo(control.status().getStore().getPosition());
    assertThat(control.status().getWorkloadsCount()).isEqualTo(13);
    assertThat(follower.getWorkloads()).isEqualTo(3);
    assertThat(follower.getProblem()).isEmpty();
  }

  @Test
  void adminCall_atTheCheckServer_isToldWhereToGo() {
    assertThatThrownBy(check::status)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
              assertThat(e.getStatus().getDescription())
                  .startsWith("this is a check server, which has no admin API");
            });
  }

  private static DecisionRecord explained(String id) {
    return control
        .admin()
        .listDecisions(ListDecisionsRequest.newBuilder().setId(id).build())
        .getDecisions(0);
  }

  private static AllowRequest allowing(Member of, String id) {
    return AllowRequest.newBuilder()
        .setOwner(of.owner())
        .setDecisionId(id)
        .setNote("it is right")
        .build();
  }

  @Test
  void decisionOfTheCheckServer_isExplainedAndAllowedAtTheControlServer() throws Exception {
    var stranger = stranger();
    var denied = pods.check(member, stranger, somewhere());
    assertThat(denied.allowed()).isFalse();

    var decision = explained(denied.decisionId());

    assertThat(decision.getId()).isEqualTo(denied.decisionId());
    assertThat(decision.getServer()).isEqualTo(Fleet.CHECK + "#node-1");
    assertThat(decision.getOwner()).isEqualTo(member.owner());
    assertThat(decision.getProcess()).isEqualTo(stranger);
    assertThat(decision.getDestination()).isEqualTo(somewhere().words());
    assertThat(decision.getReason()).isEqualTo(denied.reason()).isEqualTo("new_process");
    assertThat(decision.getCommand())
        .startsWith("kith allow " + member.owner() + " " + denied.decisionId());
    assertThat(
            control
                .admin()
                .listDecisions(
                    ListDecisionsRequest.newBuilder()
                        .setOwner(member.owner())
                        .setDeniedOnly(true)
                        .build())
                .getDecisionsList())
        .map(DecisionRecord::getId)
        .contains(denied.decisionId());
    var other = fleet.members().get(1);
    assertThatThrownBy(() -> control.admin().allow(allowing(other, denied.decisionId())))
        .hasMessageContaining("is not of " + other.owner() + " but of " + member.owner());

    var edge = control.admin().allow(allowing(member, denied.decisionId())).getEdge();

    assertThat(edge.getProcess()).isEqualTo(stranger);
    Mesh.await("it passes", Mesh.PATIENCE, () -> passes(stranger, somewhere()));
    assertThat(passes(stranger, fleet.destinations().get(6))).isFalse();
    assertThat(passes(stranger(), somewhere())).isFalse();
  }

  @Test
  void decision_whenTheCheckServerHangs_isToldInWords() throws Exception {
    var denied = pods.check(member, stranger(), somewhere());
    assertThat(denied.allowed()).isFalse();
    assertThatThrownBy(() -> explained("d:0123456789abcdef"))
        .hasMessageContaining("by 1 check servers that follow this server;")
        .hasMessageNotContaining("did not answer");

    signal("STOP");
    try {
      assertThatThrownBy(() -> explained(denied.decisionId()))
          .isInstanceOfSatisfying(
              StatusRuntimeException.class,
              e -> {
                assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.NOT_FOUND);
                assertThat(e.getStatus().getDescription())
                    .contains("did not answer within a second: " + Fleet.CHECK + "#node-1");
              });
      assertThat(
              control
                  .admin()
                  .listDecisions(ListDecisionsRequest.getDefaultInstance())
                  .getUnansweredList())
          .containsExactly(Fleet.CHECK + "#node-1");
    } finally {
      signal("CONT");
    }
    Mesh.await(
        "it answers again",
        Mesh.PATIENCE,
        () -> {
          try {
            return explained(denied.decisionId()).getId().equals(denied.decisionId());
          } catch (StatusRuntimeException _) {
            return false;
          }
        });
  }

  @Test
  void decision_whileSomebodyFollowsAtTheControlServer_isToldWithWhoDecided() throws Exception {
    var told = new LinkedBlockingQueue<TailDecisionsResponse>();
    var follows = Context.current().withCancellation();
    var before = pods.check(member, stranger(), somewhere());
    try {
      follows.run(
          () ->
              AdminServiceGrpc.newStub(control.admin().getChannel())
                  .tailDecisions(
                      TailDecisionsRequest.newBuilder()
                          .setOwner(member.owner())
                          .setDeniedOnly(true)
                          .setEvery(true)
                          .setLast(1)
                          .build(),
                      into(told)));
      assertThat(next(told, before.decisionId()).getServer()).isEqualTo(Fleet.CHECK + "#node-1");

      for (var i = 0; i < 3; i++) {
        var denied = pods.check(member, stranger(), somewhere());
        assertThat(next(told, denied.decisionId()).getReason()).isEqualTo("new_process");
      }
      assertThat(told).as("nothing twice").isEmpty();

      signal("STOP");
      var silent = poll(told);
      signal("CONT");

      assertThat(silent.getUnansweredList()).containsExactly(Fleet.CHECK + "#node-1");
      assertThat(poll(told).getAllAnswer()).isTrue();
      var denied = pods.check(member, stranger(), somewhere());
      assertThat(next(told, denied.decisionId()).getOwner()).isEqualTo(member.owner());
    } finally {
      signal("CONT");
      follows.cancel(null);
    }
  }

  private static StreamObserver<TailDecisionsResponse> into(Queue<TailDecisionsResponse> told) {
    return new StreamObserver<>() {
      @Override
      public void onNext(TailDecisionsResponse message) {
        told.add(message);
      }

      @Override
      public void onError(Throwable thrown) {
        // ended by this test, or what it waits for does not come
      }

      @Override
      public void onCompleted() {}
    };
  }

  private static TailDecisionsResponse poll(BlockingQueue<TailDecisionsResponse> told)
      throws InterruptedException {
    return Objects.requireNonNull(
        told.poll(Mesh.PATIENCE.toSeconds(), TimeUnit.SECONDS), "it is told");
  }

  /** The next that is told, and nothing else is. */
  private static DecisionRecord next(BlockingQueue<TailDecisionsResponse> told, String id)
      throws InterruptedException {
    var message = poll(told);
    assertThat(message.getDecisionsList()).map(DecisionRecord::getId).containsExactly(id);
    assertThat(message.getMissed()).isZero();
    return message.getDecisions(0);
  }

  private static void signal(String name) throws Exception {
    var kill = new ProcessBuilder("kill", "-" + name, Long.toString(check.pid())).start();
    assertThat(kill.waitFor()).isZero();
  }

  @Test
  void guard_revisionThatLostAnEdge_isHealedByWhatTheCheckServerDenied() throws Exception {
    var to = fleet.destinations().getFirst();
    assertThat(passes("/app/shop", to)).isTrue();
    var rule = denyTheShop();
    millisUntilTheShop(false);
    control
        .admin()
        .finishTestRun(
            FinishTestRunRequest.newBuilder()
                .setOwner(member.owner())
                .setNote("tidied up")
                .build());
    control
        .admin()
        .setMode(
            SetModeRequest.newBuilder()
                .setScope(member.owner())
                .setMode("enforce")
                .setNote("ready")
                .build());
    var before = control.status().getStore().getPosition();

    remove(rule); // so it is nobody's will any more that it is denied

    millisUntilTheShop(true);
    var changes = control.admin().listAudit(ListAuditRequest.getDefaultInstance()).getRecordsList();
    assertThat(changes)
        .filteredOn(change -> change.getPosition() > before)
        .map(change -> change.getKind() + " by " + change.getAuthor())
        .last()
        .asString()
        .startsWith("remove by ");
    assertThat(changes.getFirst().getKind()).isEqualTo("reopen");
    assertThat(changes.getFirst().getAuthor()).isEqualTo("blast-radius guard");
    assertThat(control.metric("kith_check_server_denials_total")).isPositive();
    assertThat(passes(stranger(), to)).isFalse();
  }

  @Test
  void serverThatIsNoCheckServer_isRefused_andServesNothing() throws Exception {
    try (var stranger = strangerSetup.start()) {
      Mesh.await(
          "it says why",
          Mesh.PATIENCE,
          () ->
              stranger.log().contains("waits for a control server: ")
                  && stranger.log().contains(Fleet.BRIDGE + " is no check server"));

      assertThat(stranger.log()).doesNotContain("\nready\n").doesNotContain("  checks ");
      assertThat(folder.resolve("stranger/copy/log.copy")).hasContent("kith log 0\n");
    }
  }

  @Test
  void controlKilled_checksGoOn_alsoAfterARestart_andItCatchesUp() throws Exception {
    var stranger = stranger();
    control.kill();
    Mesh.await("the check server notices", Mesh.PATIENCE, () -> !isConnected());
    operator.verifyVerdicts(pods);
    assertThat(passes(stranger, somewhere())).isFalse();

    pods.close();
    check.kill();
    check = checkSetup.startAndWait();
    pods = new PodsAt(fleet, check);
    operator.verifyVerdicts(pods);
    assertThat(passes(stranger, somewhere())).isFalse();
    var learned = stranger();
    assertThat(pods.check(fleet.members().get(1), learned, somewhere()).allowed())
        .as("observed as ever")
        .isTrue();

    var back = System.nanoTime();
    control = controlSetup.startAndWait();
    new Person(control, fleet.members().get(2)).mode("shadow");
    Mesh.await(
        "the check server caught up",
        Mesh.PATIENCE,
        () -> {
          var follower = follower();
          return follower != null
              && follower.getBehind() == 0
              && follower.getPosition() == control.status().getStore().getPosition();
        });
    System.out.printf(
        "control server back (its start included): the check server caught up after %d ms%n",
        Duration.ofNanos(System.nanoTime() - back).toMillis());
    Mesh.await(
        "what was seen meanwhile is learned",
        Mesh.PATIENCE,
        () -> new Person(control, fleet.members().get(1)).sees(learned));
    var rule = denyTheShop();
    millisUntilTheShop(false);
    remove(rule);
    millisUntilTheShop(true);
  }
}
