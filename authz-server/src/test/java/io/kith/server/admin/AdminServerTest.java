package io.kith.server.admin;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.unattributed;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.BridgeStatus;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.admin.v1.VerdictCount;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.check.Await;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.ControlState;
import io.kith.server.control.Shop;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(600)
class AdminServerTest {
  private static final String OWNER = CHECKOUT.owner().toString();
  private static final BridgeStatus BRIDGE =
      BridgeStatus.newBuilder().setNode("node-1").setRung("A").setPods(3).setCanaryOk(true).build();

  /** None that these tests reach. */
  static final CallLimits LIMITS =
      new CallLimits(
          new AdminLimits(
              new AdminLimits.Rate(10_000, 10_000), new AdminLimits.Rate(10_000, 10_000), 100));

  @TempDir Path folder;

  private final Shop.SettableClock clock = new Shop.SettableClock();
  private ControlState state;
  private AdminService service;
  private AdminServer server;
  private AdminClient client;
  private Path socket;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("run/admin.sock");
    var config = KithConfig.parse("kith.yaml", "", Map.of());
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), Shop.CHECKOUT_ID, "prod", List.of(), List.of())));
    state = ControlState.of(config, directory, clock);
    service = new AdminService(state, () -> List.of(BRIDGE), "1.2.3", NOON);
    server = AdminServer.onUnixSocket(socket, Map.of(), LIMITS, service);
    client = AdminClient.toUnixSocket(socket, "ada");
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    state.close();
  }

  private static int uid() throws IOException {
    return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
  }

  private AdminServiceBlockingStub admin() {
    return client.service();
  }

  private CheckRecord check(Flow flow) {
    var answered = answered(state.snapshot(CHECKOUT), flow, clock.instant());
    state.record(answered);
    return answered;
  }

  private void enforce() {
    check(flow(database(), PAYMENTS));
    var _ =
        admin()
            .finishTestRun(
                FinishTestRunRequest.newBuilder().setOwner(OWNER).setNote("suite passed").build());
    var _ =
        admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(OWNER)
                    .setMode("enforce")
                    .setNote("ready")
                    .build());
  }

  private static Status refusal(Runnable call) {
    return catchThrowableOfType(StatusRuntimeException.class, call::run).getStatus();
  }

  @Test
  void getStatus_tellsWhatTheServerDoes() {
    enforce();
    check(flow(database(), CURL));

    var status = admin().getStatus(GetStatusRequest.getDefaultInstance());

    assertThat(status.getServerVersion()).isEqualTo("1.2.3");
    assertThat(status.getStarted().getSeconds()).isEqualTo(NOON.getEpochSecond());
    assertThat(status.getBridgesList()).containsExactly(BRIDGE);
    assertThat(status.getWorkloads(0).getMode()).isEqualTo("enforce");
    assertThat(status.getWorkloads(0).getState()).isEqualTo("enforced");
    assertThat(status.getWorkloads(0).getApprovedEdges()).isEqualTo(1);
    assertThat(status.getWorkloads(0).getCandidateEdges()).isEqualTo(1);
    assertThat(status.getCountsList())
        .containsExactly(
            VerdictCount.newBuilder().setVerdict("allow").setCount(1).build(),
            VerdictCount.newBuilder()
                .setVerdict("deny")
                .setReason("new_process")
                .setCount(1)
                .build());
  }

  @Test
  void finishTestRun_seesEverythingAnsweredBefore() {
    check(flow(database(), PAYMENTS));
    check(flow(database(), Shop.DROPPED));

    var finished =
        admin()
            .finishTestRun(
                FinishTestRunRequest.newBuilder().setOwner(OWNER).setNote("suite passed").build());

    assertThat(finished.getRevision()).matches("bl:[0-9a-f]{32}");
    assertThat(finished.getApproved(0).getProcess()).isEqualTo("/app/payments");
    assertThat(finished.getApproved(0).getDestination()).isEqualTo("shop/statefulset/orders-db");
    assertThat(finished.getApproved(0).getPort()).isEqualTo(5_432);
    assertThat(finished.getApproved(0).getConnections()).isEqualTo(1);
    assertThat(finished.getLeftOut(0).getWhy())
        .isEqualTo("the executable is not from the image (from: writable layer)");
  }

  @Test
  void allow_aDeniedDecision_isRecordedAsTheSocketsUser() throws Exception {
    enforce();
    var denied = check(flow(database(), CURL));

    var allowed =
        admin()
            .allow(
                AllowRequest.newBuilder()
                    .setOwner(OWNER)
                    .setDecisionId(denied.decisionId())
                    .setNote("CHG-1")
                    .setTtl(com.google.protobuf.Duration.newBuilder().setSeconds(3_600))
                    .build());

    assertThat(allowed.getEdge().getProvenance()).isEqualTo("by hand (uid:" + uid() + " as ada)");
    assertThat(allowed.getEdge().getState()).isEqualTo("temporary");
    assertThat(allowed.getEdge().getExpires().getSeconds())
        .isEqualTo(NOON.plusSeconds(3_600).getEpochSecond());
    assertThat(
            admin().listEdges(ListEdgesRequest.newBuilder().setOwner(OWNER).build()).getEdgesList())
        .hasSize(3);
  }

  @Test
  void listDecisions_newestFirst_withTheirExplanations() {
    enforce();
    var denied = check(flow(database(), CURL));
    check(unattributed());

    var decisions =
        admin()
            .listDecisions(
                ListDecisionsRequest.newBuilder().setOwner(OWNER).setDeniedOnly(true).build())
            .getDecisionsList();

    assertThat(decisions).hasSize(2);
    assertThat(decisions.get(0).getReason()).isEqualTo("unattributed");
    assertThat(decisions.get(0).getRung()).isEqualTo("D");
    assertThat(decisions.get(1).getId()).isEqualTo(denied.decisionId());
    assertThat(decisions.get(1).getProcess()).isEqualTo("/usr/bin/curl");
    assertThat(decisions.get(1).getQuality()).isEqualTo("exact");
    assertThat(decisions.get(1).getExplanation())
        .isEqualTo(
            "/usr/bin/curl is not one of the programs that speak from here; nearest: /app/payments"
                + " ← /sbin/init → shop/statefulset/orders-db:5432");
  }

  @Test
  void listDecisions_ofNobodysWorkload_sayWhy() {
    state.record(
        new CheckRecord(
            "d:00000000000000ff",
            "0af7651916cd43dd8448eb211c80319c",
            NOON,
            null,
            null,
            null,
            null,
            new Decision(
                new Deny(null, new Reason.UnknownReporter("the peer has no certificate")),
                null,
                Mode.OBSERVE,
                null,
                null),
            false));

    var decision = admin().listDecisions(ListDecisionsRequest.getDefaultInstance()).getDecisions(0);

    assertThat(decision.getOwner()).isEmpty();
    assertThat(decision.getReason()).isEqualTo("unknown_reporter");
    assertThat(decision.getExplanation()).isEqualTo("the peer has no certificate");
  }

  @Test
  void refusals_haveTheDocumentedCodesAndWords() {
    var badOwner =
        refusal(() -> admin().listEdges(ListEdgesRequest.newBuilder().setOwner("shop").build()));
    assertThat(badOwner.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(badOwner.getDescription()).startsWith("owner: 'shop' (expected:");

    var unknown =
        refusal(() -> admin().listEdges(ListEdgesRequest.newBuilder().setOwner("a/job/b").build()));
    assertThat(unknown.getCode()).isEqualTo(Status.Code.NOT_FOUND);
    assertThat(unknown.getDescription())
        .isEqualTo("workload 'a/job/b' is not known (known: [shop/deployment/checkout])");

    var tooEarly =
        refusal(
            () ->
                admin()
                    .setMode(
                        SetModeRequest.newBuilder()
                            .setScope("*")
                            .setMode("enforce")
                            .setNote("now")
                            .build()));
    assertThat(tooEarly.getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);

    var badMode =
        refusal(
            () ->
                admin()
                    .setMode(SetModeRequest.newBuilder().setScope("*").setMode("block").build()));
    assertThat(badMode.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(badMode.getDescription())
        .isEqualTo("mode: 'block' (expected: observe, shadow, enforce or inherit)");

    var badRevision =
        refusal(
            () ->
                admin()
                    .setMode(
                        SetModeRequest.newBuilder()
                            .setScope("*")
                            .setMode("inherit")
                            .setRevision("bl:1")
                            .setNote("now")
                            .build()));
    assertThat(badRevision.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
    assertThat(badRevision.getDescription())
        .isEqualTo("revision: 'bl:1' (expected: only with shadow or enforce)");

    var badLimit =
        refusal(
            () -> admin().listDecisions(ListDecisionsRequest.newBuilder().setLimit(1_001).build()));
    assertThat(badLimit.getDescription()).isEqualTo("limit: 1001 (expected: 0 to 1000)");

    var badTtl =
        refusal(
            () ->
                admin()
                    .allow(
                        AllowRequest.newBuilder()
                            .setOwner(OWNER)
                            .setTtl(
                                com.google.protobuf.Duration.newBuilder()
                                    .setSeconds(Long.MAX_VALUE))
                            .build()));
    assertThat(badTtl.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
  }

  @Test
  void onUnixSocket_file_isForTheOwnerOnlyAndGoneAfterwards() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
        .isEqualTo("rw-------");
    try (var files = Files.list(socket.getParent())) {
      assertThat(files).containsExactly(socket);
    }

    server.close();

    assertThat(socket).doesNotExist();
  }

  @Test
  void onUnixSocket_servedByAnother_isRefused() {
    assertThatThrownBy(() -> AdminServer.onUnixSocket(socket, Map.of(), LIMITS, service))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "server.admin.listen: another server listens at unix:"
                + socket
                + " (stop it, or set another path)");
    assertThat(admin().getStatus(GetStatusRequest.getDefaultInstance()).getServerVersion())
        .isEqualTo("1.2.3");
  }

  @Test
  void onUnixSocket_staleSocket_isReplaced() throws Exception {
    var stale = folder.resolve("stale.sock");
    try (var crashed = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      crashed.bind(UnixDomainSocketAddress.of(stale));
    }
    assertThat(stale).exists();

    try (var _ = AdminServer.onUnixSocket(stale, Map.of(), LIMITS, service);
        var other = AdminClient.toUnixSocket(stale, "ada")) {
      assertThat(
              other.service().getStatus(GetStatusRequest.getDefaultInstance()).getServerVersion())
          .isEqualTo("1.2.3");
    }
  }

  @Test
  void onUnixSocket_fileInTheWay_isLeftAlone() throws Exception {
    var file = Files.writeString(folder.resolve("notes.txt"), "mine");

    assertThatThrownBy(() -> AdminServer.onUnixSocket(file, Map.of(), LIMITS, service))
        .hasMessageContaining("exists and is not a socket");
    assertThat(file).hasContent("mine");
  }

  @Test
  void caller_strangeName_isNotWritten() throws Exception {
    var headers = new Metadata();
    headers.put(Caller.USER, "ada\" by=\"root");

    assertThat(Caller.onUnixSocket(0, Map.of()).of(SocketPeer.attributes(7), headers).name())
        .isEqualTo("uid:7 as ?");
  }

  /** Nobody waits for a caller that does not read, and none may take the server's threads. */
  @Test
  void tailDecisions_moreCallersThanThereIsRoomFor_areRefused_untilOneHangsUp() {
    var open = new ArrayList<Context.CancellableContext>();
    for (var i = 0; i < 32; i++) {
      open.add(follow());
    }
    try {
      assertThat(refusal(() -> assertThat(tail().hasNext()).isFalse()))
          .satisfies(
              status -> {
                assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
                assertThat(status.getDescription()).startsWith("32 callers follow");
              });
      open.removeFirst().cancel(null);
      Await.until(
          "a place is free",
          () -> {
            var last = Context.current().withCancellation();
            open.add(last);
            try {
              return last.call(() -> tail().hasNext());
            } catch (Exception _) {
              return false;
            }
          });
    } finally {
      open.forEach(one -> one.cancel(null));
    }
  }

  /** A call that has its first message, so it has its place. */
  private Context.CancellableContext follow() {
    check(flow(database(), CURL));
    var context = Context.current().withCancellation();
    context.run(() -> assertThat(tail().hasNext()).isTrue());
    return context;
  }

  private Iterator<TailDecisionsResponse> tail() {
    return admin().tailDecisions(TailDecisionsRequest.newBuilder().setLast(1).build());
  }

  /** It outlived the token or the certificate with which it was opened. */
  @Test
  void tailDecisions_whenItsCallerIsNotRecognizedAnyMore_endsAndSaysWhy() throws Exception {
    check(flow(database(), CURL));
    var over = new Expiring();
    try (var tcp = served(over);
        var ada = client(tcp)) {
      var messages = followed(ada);

      over.expire();

      var ended = refusal(messages::next);
      assertThat(ended.getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(ended.getDescription()).isEqualTo(Expiring.ENDED);
    }
  }

  /** A short outage of the issuer ended the streams of all whose tokens still counted. */
  @Test
  void tailDecisions_whileTheKeysOfTheIssuerCannotBeHad_goOn() throws Exception {
    check(flow(database(), CURL));
    var over = new Expiring();
    try (var tcp = served(over);
        var ada = client(tcp)) {
      var messages = followed(ada);

      over.end(Status.UNAVAILABLE.withDescription("no keys"));
      Await.until("it was asked for twice in vain", () -> over.refusals.get() >= 2);
      check(flow(database(), PAYMENTS));
      assertThat(messages.next().getDecisions(0).getProcess()).isEqualTo("/app/payments");

      over.expire();
      assertThat(refusal(messages::next).getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
    }
  }

  private AdminServer served(Caller caller) throws IOException {
    return AdminServer.onTcp(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        InternalProtocolNegotiators.serverPlaintext(),
        AdminServer.Bounds.DEFAULT,
        caller,
        LIMITS,
        service);
  }

  private static AdminClient client(AdminServer tcp) {
    return AdminClient.toTcp("127.0.0.1", tcp.port(), InsecureChannelCredentials.create(), "ada");
  }

  /** What comes after the decision that there is. */
  private static Iterator<TailDecisionsResponse> followed(AdminClient ada) {
    var messages =
        ada.service()
            .withDeadlineAfter(1, TimeUnit.MINUTES)
            .tailDecisions(TailDecisionsRequest.newBuilder().setLast(1).build());
    assertThat(messages.next().getDecisionsCount()).isEqualTo(1);
    return messages;
  }

  /** Somebody who may look, until the token is over. */
  static final class Expiring implements Caller {
    static final String ENDED =
        "the token is not accepted: it has expired; what was opened with it ends (open it again"
            + " with what counts now)";

    final AtomicInteger refusals = new AtomicInteger();
    private volatile Status status = Status.OK;

    @Override
    public Known of(Attributes connection, Metadata headers) throws StatusException {
      if (!status.isOk()) {
        refusals.incrementAndGet();
        throw status.asException();
      }
      return new Known("oidc:4711", "oidc:4711 as ada", AdminRole.VIEWER);
    }

    void expire() {
      end(Status.UNAUTHENTICATED.withDescription("the token is not accepted: it has expired"));
    }

    void end(Status status) {
      this.status = status;
    }
  }

  @Test
  void tailDecisions_forgottenSinceTheLastLook_areCounted() throws Exception {
    check(flow(database(), CURL));
    state.flush();
    var begin = state.decisionsFrom(0, null, false, 10);
    var tooMany = 1_000 + 7;
    for (var i = 0; i < tooMany; i++) {
      check(flow(database(), CURL));
      if (i % 100 == 0) {
        state.flush();
      }
    }
    state.flush();

    var tail = state.decisionsFrom(begin.next(), null, false, 10);

    assertThat(begin.decisions()).hasSize(1);
    assertThat(tail.decisions()).hasSize(10);
    assertThat(tail.missed()).isEqualTo(tooMany - 10);
    assertThat(tail.next()).isEqualTo(begin.next() + tooMany);
    assertThat(state.decisionsFrom(tail.next(), null, false, 10).decisions()).isEmpty();
  }

  /** What grpcurl asks before it lists or describes anything. */
  @Test
  void reflection_onTheSocket_namesTheService() throws Exception {
    var channel =
        Grpc.newChannelBuilder("unix://" + socket, InsecureChannelCredentials.create()).build();
    try {
      var answers = new Reflected(channel);

      assertThat(answers.services()).contains("kith.admin.v1.AdminService");
    } finally {
      channel.shutdownNow();
    }
  }

  /** It was as open as on its first day, whoever had lost the role since. */
  @Test
  void reflection_whenItsCallerIsNotRecognizedAnyMore_endsAtTheNextQuestion() throws Exception {
    var over = new Expiring();
    try (var tcp = served(over)) {
      var channel =
          Grpc.newChannelBuilder("127.0.0.1:" + tcp.port(), InsecureChannelCredentials.create())
              .build();
      try {
        var answers = new Reflected(channel);
        assertThat(answers.services()).contains("kith.admin.v1.AdminService");

        over.expire();

        assertThat(answers.refusal().getDescription()).isEqualTo(Expiring.ENDED);
      } finally {
        channel.shutdownNow();
      }
    }
  }
}
