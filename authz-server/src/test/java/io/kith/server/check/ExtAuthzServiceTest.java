package io.kith.server.check;

import static io.kith.server.check.Samples.APP;
import static io.kith.server.check.Samples.CHECKOUT;
import static io.kith.server.check.Samples.CURL;
import static io.kith.server.check.Samples.DATABASE;
import static io.kith.server.check.Samples.POD;
import static io.kith.server.check.Samples.STRANGER;
import static io.kith.server.check.Samples.address;
import static io.kith.server.check.Samples.attributed;
import static io.kith.server.check.Samples.gate;
import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.Samples.l7;
import static io.kith.server.check.Samples.snapshot;
import static io.kith.server.check.ServiceUnderTest.said;
import static io.kith.server.check.ServiceUnderTest.settings;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Rung;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExtAuthzServiceTest {
  private static final int OK = 0;
  private static final int PERMISSION_DENIED = 7;
  private static final int UNAVAILABLE = 14;
  private static final Duration SOON = Duration.ofMillis(60);

  private ServiceUnderTest kith;

  @BeforeEach
  void start() throws IOException {
    kith = new ServiceUnderTest(settings());
  }

  @AfterEach
  void stop() {
    kith.close();
  }

  private void restart(CheckSettings settings) throws IOException {
    kith.close();
    kith = new ServiceUnderTest(settings);
  }

  private static CompletableFuture<Attribution> never(SocketQuery query) {
    return new CompletableFuture<>();
  }

  @Test
  void check_knownFlow_underEnforce_isAllowedAndSaysWhy() {
    var response = kith.check(l4());

    assertThat(response.hasStatus()).isTrue();
    assertThat(response.getStatus().getCode()).isEqualTo(OK);
    assertThat(said(response, "decision")).isEqualTo("allow");
    assertThat(said(response, "edge")).isEqualTo(Samples.EDGE.id());
    assertThat(said(response, "strictness")).isEqualTo("class");
    assertThat(said(response, "mode")).isEqualTo("enforce");
    assertThat(said(response, "rung")).isEqualTo("A");
    assertThat(said(response, "quality")).isEqualTo("exact");
    assertThat(said(response, "fingerprint")).isEqualTo(APP.fingerprintId());
    assertThat(said(response, "workload")).isEqualTo("shop/deployment/checkout");
    assertThat(said(response, "decision_id")).matches("d:[0-9a-f]{16}");
    assertThat(said(response, "trace_id")).matches("[0-9a-f]{32}");
    assertThat(response.getDynamicMetadata().getFieldsMap()).doesNotContainKey("reason");
  }

  @Test
  void check_unknownProcess_underEnforce_isDeniedInASuccessfulRpc() {
    kith.processes.answer(attributed(CURL));

    var response = kith.check(l4());

    assertThat(response.getStatus().getCode()).isEqualTo(PERMISSION_DENIED);
    assertThat(said(response, "decision")).isEqualTo("deny");
    assertThat(said(response, "reason")).isEqualTo("new_process");
    assertThat(response.hasDeniedResponse()).isFalse();
  }

  @Test
  void check_deniedRequest_getsTheDecisionIdAndNothingElse() {
    kith.processes.answer(attributed(CURL));

    var response = kith.check(l7("orders.example"));

    var denied = response.getDeniedResponse();
    var id = said(response, "decision_id");
    assertThat(denied.getStatus().getCodeValue()).isEqualTo(403);
    assertThat(denied.getBody()).isEqualTo("{\"decision\":\"" + id + "\"}");
    assertThat(denied.getHeadersList())
        .extracting(header -> header.getHeader().getKey() + ": " + header.getHeader().getValue())
        .containsExactly("content-type: application/json", "x-kith-decision: " + id);
  }

  @Test
  void check_theQuery_saysWhatTheProxyProvedAndWhereItRuns() {
    var _ = kith.check(l4());

    assertThat(kith.processes.asked())
        .singleElement()
        .satisfies(
            query -> {
              assertThat(query.node()).isEqualTo("node-1");
              assertThat(query.spiffeId()).isEqualTo(CHECKOUT);
              assertThat(query.source()).hasToString(POD + ":1234");
              assertThat(query.destination()).hasToString(DATABASE + ":5432");
              assertThat(query.timeout()).isPositive().isLessThanOrEqualTo(Duration.ofSeconds(10));
            });
  }

  @Test
  void check_shadow_allowsAndSaysWhatItWouldDo() {
    kith.policy.decideBy(snapshot(Mode.SHADOW));
    kith.processes.answer(attributed(CURL));

    var response = kith.check(l4());

    assertThat(response.getStatus().getCode()).isEqualTo(OK);
    assertThat(said(response, "shadow")).isEqualTo("deny");
    assertThat(said(response, "shadow_reason")).isEqualTo("new_process");
  }

  @Test
  void check_gate_isDecidedByItsHeaders() {
    var response = kith.check(gate(POD + ":1234", DATABASE + ":5432"));

    assertThat(response.getStatus().getCode()).isEqualTo(OK);
    assertThat(said(response, "edge")).isEqualTo(Samples.EDGE.id());
    assertThat(kith.policy.records())
        .singleElement()
        .extracting(CheckRecord::replica)
        .isEqualTo(IpAddress.parse(POD));
  }

  @Test
  void check_gateDenied_isAnHttpDenial() {
    kith.processes.answer(attributed(CURL));

    var response = kith.check(gate(POD + ":1234", DATABASE + ":5432"));

    assertThat(response.getDeniedResponse().getStatus().getCodeValue()).isEqualTo(403);
  }

  @Test
  void check_aMegabyteOfHeaders_isAnswered() {
    var request = l7("orders.example").toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .putHeaders("cookie", "x".repeat(1 << 20));

    var response = kith.check(request.build());

    assertThat(response.getStatus().getCode()).isEqualTo(OK);
  }

  // What Kith cannot know: the table of the design, row by row.

  record Expected(int code, String reason, String shadowReason) {}

  private static Arguments row(
      String name, Attribution attribution, Mode mode, boolean rule, Expected expected) {
    return Arguments.of(name + " " + mode, attribution, mode, rule, expected);
  }

  static Stream<Arguments> unknowns() {
    var silent = new Attribution.BridgeUnavailable("no bridge");
    var unknown = new Attribution.Unattributed(Rung.WORKLOAD_ONLY, List.of("no entry"));
    return Stream.of(
        row("silent", silent, Mode.OBSERVE, false, new Expected(OK, "", "")),
        row("silent", silent, Mode.SHADOW, false, new Expected(OK, "", "bridge_unavailable")),
        row(
            "silent",
            silent,
            Mode.ENFORCE,
            false,
            new Expected(PERMISSION_DENIED, "bridge_unavailable", "")),
        row("silent, rule", silent, Mode.ENFORCE, true, new Expected(OK, "", "")),
        row("unknown", unknown, Mode.OBSERVE, false, new Expected(OK, "", "")),
        row("unknown", unknown, Mode.SHADOW, false, new Expected(OK, "", "unattributed")),
        row(
            "unknown",
            unknown,
            Mode.ENFORCE,
            false,
            new Expected(PERMISSION_DENIED, "unattributed", "")),
        row("unknown, rule", unknown, Mode.ENFORCE, true, new Expected(OK, "", "")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("unknowns")
  void check_processNotKnown_followsTheMode(
      String name, Attribution attribution, Mode mode, boolean rule, Expected expected) {
    kith.policy.decideBy(snapshot(mode, rule));
    kith.processes.answer(attribution);

    var response = kith.check(l4());

    assertThat(answer(response)).as(name).isEqualTo(expected);
  }

  private static Expected answer(CheckResponse response) {
    return new Expected(
        response.getStatus().getCode(), said(response, "reason"), said(response, "shadow_reason"));
  }

  static Stream<Arguments> refusedPeers() {
    return Stream.of(
        Arguments.of(Peer.unknown("two SPIFFE IDs", null), "unknown_reporter", "two SPIFFE IDs"),
        Arguments.of(
            Peer.proved(CHECKOUT, Instant.MIN, Instant.EPOCH, null),
            "unknown_reporter",
            "the certificate of " + CHECKOUT + " ended at 1970-01-01T00:00:00Z"),
        Arguments.of(
            Peer.proved(CHECKOUT, Instant.parse("9999-01-01T00:00:00Z"), Instant.MAX, null),
            "unknown_reporter",
            "the certificate of " + CHECKOUT + " counts only from 9999-01-01T00:00:00Z"),
        Arguments.of(
            Samples.peer(STRANGER, POD),
            "unknown_reporter",
            STRANGER + " at " + POD + " is no workload that is known (see workloads)"),
        Arguments.of(
            Samples.peer(CHECKOUT, "10.88.9.9"),
            "identity_mismatch",
            "the Check is about a connection from 10.88.1.2 and was sent from 10.88.9.9"));
  }

  @Test
  void check_saysWhatItsFilterDoesWithoutTheServer_andThatIsRememberedOfItsPod() {
    var pod = IpAddress.parse(Samples.POD);
    kith.check(
        Samples.l4(), Samples.headers("x-kith-direction", "outbound", "x-kith-failure", "open"));
    assertThat(kith.policy.sidecars().of(pod))
        .isNotNull()
        .extracting(Sidecars.State::open)
        .isEqualTo(true);

    kith.check(
        Samples.l4(), Samples.headers("x-kith-direction", "outbound", "x-kith-failure", "closed"));
    assertThat(kith.policy.sidecars().of(pod))
        .isNotNull()
        .extracting(Sidecars.State::open)
        .isEqualTo(false);
  }

  /** Of so many addresses, a pod could fill the memory. */
  @Test
  void check_ofAnAddressThatNoPodHas_isAnswered_andNotRememberedOfIt() {
    for (var source : List.of("127.7.7.7", "127.7.7.8")) {
      var response =
          kith.check(
              l4(address(source, 40_000), address(DATABASE, 5432)),
              Samples.headers("x-kith-direction", "outbound", "x-kith-failure", "closed"));

      assertThat(response.getStatus().getCode()).isEqualTo(OK);
    }

    assertThat(kith.policy.sidecars().count(false)).isZero();
  }

  @Test
  void check_ofAnUnknownReporter_saysNothingOfAPod() {
    kith.peer(Peer.unknown("nobody", IpAddress.parse(Samples.POD)));

    kith.check(
        Samples.l4(), Samples.headers("x-kith-direction", "outbound", "x-kith-failure", "closed"));

    assertThat(kith.policy.sidecars().of(IpAddress.parse(Samples.POD))).isNull();
  }

  @ParameterizedTest
  @MethodSource("refusedPeers")
  void check_reporterNotIdentified_isDeniedInEveryMode(Peer peer, String reason, String detail) {
    for (var mode : Mode.values()) {
      kith.policy.decideBy(snapshot(mode));
      kith.peer(peer);

      var response = kith.check(l4());

      assertThat(answer(response)).isEqualTo(new Expected(PERMISSION_DENIED, reason, ""));
      assertThat(kith.policy.records().getLast().decision().applied().toString()).contains(detail);
    }
    assertThat(kith.processes.asked()).isEmpty();
  }

  @Test
  void check_gateOfAnotherPod_isAnIdentityMismatch() {
    var response = kith.check(gate("10.88.9.9:1234", DATABASE + ":5432"));

    assertThat(said(response, "reason")).isEqualTo("identity_mismatch");
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_reporterOutsideTheList_isDenied(Mode mode) throws IOException {
    restart(
        new CheckSettings(
            List.of(SpiffeIdPattern.parse("spiffe://dev.kith.local/ns/other/sa/*")),
            SOON,
            SOON,
            new OnFailure(true, true),
            10));
    kith.policy.decideBy(snapshot(mode));

    assertThat(answer(kith.check(l4())))
        .isEqualTo(new Expected(PERMISSION_DENIED, "unknown_reporter", ""));
  }

  @Test
  void check_loopbackOrSocketPeer_saysNothingAboutTheSource() {
    for (var peer :
        List.of(
            Samples.peer(CHECKOUT, "127.0.0.1"),
            Peer.proved(CHECKOUT, Instant.MIN, Instant.MAX, null))) {
      kith.peer(peer);

      assertThat(kith.check(l4()).getStatus().getCode()).isEqualTo(OK);
    }
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_malformedOfAKnownReporter_followsTheMode(Mode mode) {
    kith.policy.decideBy(snapshot(mode));

    var response = kith.check(l4(address(POD, 0), address(DATABASE, 5432)));

    assertThat(answer(response)).isEqualTo(malformed(mode));
  }

  private static Expected malformed(Mode mode) {
    return switch (mode) {
      case OBSERVE -> new Expected(OK, "malformed", "");
      case SHADOW -> new Expected(OK, "malformed", "malformed");
      case ENFORCE -> new Expected(PERMISSION_DENIED, "malformed", "");
    };
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_bytesThatAreNoCheckRequest_areAnsweredAllTheSame(Mode mode) throws Exception {
    kith.policy.decideBy(snapshot(mode));
    var answered =
        ClientCalls.blockingUnaryCall(
            ClientInterceptors.intercept(
                kith.openChannel(),
                MetadataUtils.newAttachHeadersInterceptor(headers("x-kith-direction", "outbound"))),
            AuthorizationGrpc.getCheckMethod().toBuilder(new Bytes(), new Bytes()).build(),
            CallOptions.DEFAULT,
            new byte[] {(byte) 0xff, 0x01, 0x02});
    var response = CheckResponse.parseFrom(answered);

    assertThat(answer(response)).isEqualTo(malformed(mode));
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  // Failures inside.

  private static Expected failed(Mode mode, String reason) {
    return switch (mode) {
      case OBSERVE -> new Expected(OK, reason, "");
      case SHADOW -> new Expected(OK, reason, reason);
      case ENFORCE -> new Expected(UNAVAILABLE, reason, "");
    };
  }

  static Stream<Arguments> failures() {
    Function<SocketQuery, CompletableFuture<Attribution>> failing =
        _ -> CompletableFuture.failedFuture(new IllegalStateException("bug"));
    Function<SocketQuery, CompletableFuture<Attribution>> throwing =
        _ -> {
          throw new IllegalStateException("bug");
        };
    Function<SocketQuery, CompletableFuture<Attribution>> dying =
        _ -> {
          throw new AssertionError("worse");
        };
    Function<SocketQuery, CompletableFuture<Attribution>> nothing =
        _ -> CompletableFuture.completedFuture(null);
    return Stream.of(failing, throwing, dying, nothing)
        .flatMap(how -> Stream.of(Mode.values()).map(mode -> Arguments.of(how, mode)));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void check_failureInside_followsTheMode(
      Function<SocketQuery, CompletableFuture<Attribution>> how, Mode mode) {
    kith.policy.decideBy(snapshot(mode));
    kith.processes.answer(how);

    assertThat(answer(kith.check(l4()))).isEqualTo(failed(mode, "internal"));
  }

  static Stream<Supplier<Snapshot>> brokenPolicies() {
    return Stream.of(
        () -> {
          throw new IllegalStateException("bug");
        },
        () -> {
          throw new StackOverflowError();
        },
        () -> null);
  }

  @ParameterizedTest
  @MethodSource("brokenPolicies")
  void check_modeNotKnown_isDenied(Supplier<Snapshot> broken) {
    kith.policy.decideBy(broken);

    assertThat(answer(kith.check(l4()))).isEqualTo(failed(Mode.ENFORCE, "internal"));
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_slowBridge_isAnsweredByTheDeadline(Mode mode) throws IOException {
    restart(settings(SOON));
    kith.policy.decideBy(snapshot(mode));
    kith.processes.answer(ExtAuthzServiceTest::never);

    assertThat(answer(kith.check(l4()))).isEqualTo(failed(mode, "deadline"));
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_snapshotNotThereInTime_followsTheMode(Mode mode) throws IOException {
    restart(settings(SOON));
    kith.policy.decideBy(snapshot(mode));
    kith.policy.comesWith(new CompletableFuture<>());

    assertThat(answer(kith.check(l4()))).isEqualTo(failed(mode, "deadline"));
    assertThat(kith.service.waiting()).isZero();
  }

  @Test
  void check_snapshotComes_isDecidedByIt() throws Exception {
    var coming = new CompletableFuture<Void>();
    kith.policy.decideBy(
        () -> coming.isDone() ? Samples.snapshot(Mode.OBSERVE) : Samples.snapshot(Mode.ENFORCE));
    kith.policy.comesWith(coming);
    kith.processes.answer(ExtAuthzServiceTest::never);

    try (var caller = Executors.newSingleThreadExecutor()) {
      var answer = caller.submit(() -> kith.check(l4()));
      Await.until("the Check waits", () -> kith.service.waiting() == 1);
      kith.processes.answer(attributed(CURL));
      coming.complete(null);

      assertThat(answer(answer.get()).code()).isZero();
    }
    assertThat(kith.service.waiting()).isZero();
  }

  /** It was decided by the snapshot of before, which has nothing, since nothing lacked any more. */
  @Test
  void check_snapshotComesWhileItIsAskedFor_isDecidedByIt() {
    var coming = new CompletableFuture<Void>();
    var nothing = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
    kith.policy.comesWith(coming);
    kith.policy.decideBy(
        () ->
            coming.complete(null) // the first to ask finds nothing, and there it is
                ? new Snapshot(Mode.ENFORCE, false, nothing, null)
                : Samples.snapshot(Mode.ENFORCE));

    assertThat(answer(kith.check(l4()))).isEqualTo(new Expected(OK, "", ""));
    assertThat(kith.service.waiting()).isZero();
  }

  @Test
  void check_snapshotCannotBeHad_isDeniedUnderEnforce() throws Exception {
    kith.policy.decideBy(snapshot(Mode.ENFORCE));
    var coming = new CompletableFuture<Void>();
    kith.policy.comesWith(coming);

    try (var caller = Executors.newSingleThreadExecutor()) {
      var answer = caller.submit(() -> kith.check(l4()));
      Await.until("the Check waits", () -> kith.service.waiting() == 1);
      coming.completeExceptionally(new IOException("the disk is gone"));

      assertThat(answer(answer.get())).isEqualTo(failed(Mode.ENFORCE, "internal"));
    }
  }

  @Test
  void check_permissionGoesWhileTheBridgeIsAsked_isDenied() throws Exception {
    var bridge = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> bridge);

    try (var caller = Executors.newSingleThreadExecutor()) {
      var answer = caller.submit(() -> kith.check(l4()));
      Await.until("the bridge is asked", () -> !kith.processes.asked().isEmpty());
      var nothing = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
      var current = new Snapshot(Mode.ENFORCE, false, nothing, null);
      kith.policy.decideBy(current);
      bridge.complete(attributed(APP));

      assertThat(answer(answer.get()))
          .isEqualTo(new Expected(PERMISSION_DENIED, "new_process", ""));
      assertThat(kith.answered)
          .singleElement()
          .extracting(Answered::snapshot)
          .as("what decided")
          .isSameAs(current);
    }
  }

  @Test
  void check_enforcementBeginsWhileTheBridgeIsAsked_isDeniedAtItsDeadline() throws Exception {
    restart(settings(Duration.ofSeconds(3)));
    kith.policy.decideBy(snapshot(Mode.OBSERVE));
    kith.processes.answer(ExtAuthzServiceTest::never);

    try (var caller = Executors.newSingleThreadExecutor()) {
      var answer = caller.submit(() -> kith.check(l4()));
      Await.until("the bridge is asked", () -> !kith.processes.asked().isEmpty());
      kith.policy.decideBy(snapshot(Mode.ENFORCE));

      assertThat(answer(answer.get())).isEqualTo(failed(Mode.ENFORCE, "deadline"));
    }
  }

  /** Asked again where a busy machine takes the 20 ms that are left for the way back. */
  @Test
  void check_callersDeadline_isAnsweredBeforeIt() {
    kith.processes.answer(ExtAuthzServiceTest::never);
    CheckResponse response = null;

    for (var attempt = 0; response == null && attempt < 200; attempt++) {
      try {
        response =
            kith.stub(headers("x-kith-direction", "outbound"))
                .withDeadlineAfter(400, TimeUnit.MILLISECONDS)
                .check(l4());
      } catch (StatusRuntimeException e) {
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
      }
    }

    assertThat(answer(requireNonNull(response))).isEqualTo(failed(Mode.ENFORCE, "deadline"));
  }

  @Test
  void check_onFailureDeny_deniesUnderObserve() throws IOException {
    restart(new CheckSettings(List.of(), SOON, SOON, new OnFailure(false, false), 10));
    kith.policy.decideBy(snapshot(Mode.OBSERVE));
    kith.processes.answer(ExtAuthzServiceTest::never);

    assertThat(answer(kith.check(l4()))).isEqualTo(new Expected(UNAVAILABLE, "deadline", ""));
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_moreThanMayWait_areOverloaded(Mode mode) throws IOException {
    restart(
        new CheckSettings(List.of(), Duration.ofSeconds(20), SOON, new OnFailure(true, true), 1));
    kith.policy.decideBy(snapshot(mode));
    var slow = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> slow);

    var first = kith.futureStub().check(l4(1111));
    Await.until("the first waits", () -> kith.service.waiting() == 1);
    var second = kith.check(l4(2222));
    slow.complete(attributed(APP));

    assertThat(answer(second)).isEqualTo(failed(mode, "overloaded"));
    assertThat(answer(join(first))).isEqualTo(new Expected(OK, "", ""));
    assertThat(kith.service.waiting()).isZero();
  }

  /** One pod whose bridge is slow does not take the places of all others. */
  @Test
  void check_ofAReporterThatHasItsShareOfPlaces_isOverloadedAlone() throws IOException {
    restart(
        new CheckSettings(List.of(), Duration.ofSeconds(20), SOON, new OnFailure(true, true), 8));
    var slow = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> slow);
    var first = kith.futureStub().check(l4(1111));
    var second = kith.futureStub().check(l4(2222));
    Await.until("two wait", () -> kith.service.waiting() == 2);

    assertThat(answer(kith.check(l4(3333)))).isEqualTo(failed(Mode.ENFORCE, "overloaded"));

    var other = new WaitingPlaces(8);
    assertThat(other.take(CHECKOUT)).isTrue();
    assertThat(other.take(CHECKOUT)).isTrue();
    assertThat(other.take(CHECKOUT)).isFalse();
    assertThat(other.take(Samples.STRANGER)).isTrue();
    other.leave(CHECKOUT);
    assertThat(other.take(CHECKOUT)).isTrue();
    assertThat(other.taken()).isEqualTo(3);
    slow.complete(attributed(APP));
    assertThat(answer(join(first))).isEqualTo(answer(join(second)));
    assertThat(kith.service.waiting()).isZero();
  }

  private static <T> T join(java.util.concurrent.Future<T> future) {
    try {
      return future.get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_cancelled_isDecidedAndRecordedAllTheSame(Mode mode) {
    kith.policy.decideBy(snapshot(mode));
    var slow = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> slow);

    var call = kith.futureStub().check(l4());
    Await.until("it waits", () -> kith.service.waiting() == 1);
    call.cancel(true);
    Await.until("it is cancelled", () -> kith.cancelled.get() == 1);
    slow.complete(attributed(Samples.CURL));

    assertThat(kith.service.waiting()).isZero();
    assertThat(kith.answered).hasSize(1);
    assertThat(kith.policy.records())
        .singleElement()
        .satisfies(
            record -> {
              var decision = record.decision();
              assertThat(decision.applied().word())
                  .isEqualTo(mode == Mode.ENFORCE ? "deny" : "allow");
              assertThat(decision.shadow() == null ? "" : decision.shadow().word())
                  .isEqualTo(mode == Mode.SHADOW ? "deny" : "");
            });
  }

  @Test
  void check_answerAndDeadlineAtOnce_giveExactlyOneAnswerEach() throws IOException {
    restart(settings(Duration.ofMillis(15)));
    var random = new Random(20_261_125);
    var delays = new ConcurrentHashMap<Integer, Integer>();
    kith.processes.answer(
        query ->
            CompletableFuture.supplyAsync(
                () -> attributed(APP),
                CompletableFuture.delayedExecutor(
                    delays.getOrDefault(query.source().port(), 0), TimeUnit.MILLISECONDS)));
    var calls = new ArrayList<java.util.concurrent.Future<CheckResponse>>();
    for (var port = 1; port <= 500; port++) {
      delays.put(port, 10 + random.nextInt(15));
      calls.add(kith.futureStub().check(l4(port)));
    }

    var answers = calls.stream().map(ExtAuthzServiceTest::join).toList();

    assertThat(answers)
        .allSatisfy(
            response ->
                assertThat(answer(response))
                    .isIn(new Expected(OK, "", ""), failed(Mode.ENFORCE, "deadline")));
    Await.until("all are recorded", () -> kith.answered.size() >= 500);
    Await.until("none waits", () -> kith.service.waiting() == 0);
    var given = kith.policy.records().stream().filter(record -> !record.late()).toList();
    assertThat(given).hasSize(500);
    assertThat(given).extracting(CheckRecord::decisionId).doesNotHaveDuplicates();
  }

  @Test
  void check_whoHasTheAnswer_findsItRecorded() {
    kith.policy.beforeRecord(() -> LockSupport.parkNanos(50_000_000));

    var _ = kith.stub(headers("x-kith-direction", "outbound")).check(l4());

    assertThat(kith.policy.records()).hasSize(1);
  }

  @Test
  void check_thatCannotBeRecorded_isAnsweredAsDecided() {
    kith.policy.beforeRecord(
        () -> {
          throw new IllegalStateException("bug");
        });

    var response = kith.stub(headers("x-kith-direction", "outbound")).check(l4());

    assertThat(answer(response)).isEqualTo(new Expected(OK, "", ""));
  }

  // What becomes known after the answer.

  @ParameterizedTest
  @EnumSource(Mode.class)
  void late_answerOfTheBridge_isRecordedAndTheVerdictStays(Mode mode) {
    kith.policy.decideBy(snapshot(mode));
    kith.processes.answer(new Attribution.BridgeUnavailable("silent"));

    assertThat(answer(kith.check(l4())))
        .isEqualTo(
            switch (mode) {
              case OBSERVE -> new Expected(OK, "", "");
              case SHADOW -> new Expected(OK, "", "bridge_unavailable");
              case ENFORCE -> new Expected(PERMISSION_DENIED, "bridge_unavailable", "");
            });

    kith.processes.answerLate(attributed(APP));

    assertThat(kith.policy.records()).hasSize(2);
    assertThat(kith.late)
        .extracting(Answered::record)
        .containsExactly(kith.policy.records().getLast());
    var given = kith.policy.records().getFirst();
    var late = kith.policy.records().getLast();
    assertThat(given.late()).isFalse();
    assertThat(late.late()).isTrue();
    assertThat(late.decisionId()).isEqualTo(given.decisionId());
    assertThat(late.decision().applied()).isEqualTo(given.decision().applied());
    assertThat(late.decision().shadow()).isEqualTo(given.decision().shadow());
    assertThat(late.decision().subject()).isEqualTo(APP);
    assertThat(late.flow()).isNotNull().extracting(Flow::attribution).isEqualTo(attributed(APP));
    assertThat(kith.answered).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void late_answerAfterTheDeadline_isRecordedAndTheVerdictStays(Mode mode) throws IOException {
    var slow = new CompletableFuture<Attribution>();
    CheckResponse response;
    do { // again where a busy machine takes all the time there is before the bridge is asked
      restart(settings(SOON));
      kith.policy.decideBy(snapshot(mode));
      kith.processes.answer(_ -> slow);
      response = kith.check(l4());
    } while (kith.processes.asked().isEmpty());

    slow.complete(attributed(APP));

    assertThat(answer(response)).isEqualTo(failed(mode, "deadline"));
    assertThat(kith.policy.records()).extracting(CheckRecord::late).containsExactly(false, true);
    assertThat(kith.policy.records().getLast().decision().applied())
        .isEqualTo(kith.policy.records().getFirst().decision().applied());
  }

  @Test
  void late_nothingNewOrNothingKnown_isNotRecorded() {
    kith.processes.answer(new Attribution.BridgeUnavailable("silent"));
    var _ = kith.check(l4());
    kith.processes.answerLate(new Attribution.Unattributed(Rung.NONE, List.of()));
    kith.processes.answer(attributed(APP));
    var _ = kith.check(l4());
    kith.processes.answerLate(attributed(APP));

    assertThat(kith.policy.records()).extracting(CheckRecord::late).containsOnly(false);
  }

  @Test
  void check_againSinceItsProcessWasNotKnown_isNoRepetition() {
    kith.processes.answer(new Attribution.BridgeUnavailable("silent"));
    var _ = kith.check(l4());
    kith.processes.answer(attributed(APP));
    var _ = kith.check(l4());
    var _ = kith.check(l4());

    assertThat(kith.policy.records())
        .extracting(CheckRecord::repeated)
        .containsExactly(false, false, true);
  }

  @Test
  void check_sameConnectionAgain_isRepeated() {
    var _ = kith.check(l4(1111));
    var _ = kith.check(l4(1111));
    var _ = kith.check(l7("orders.example"));
    var _ = kith.check(l4(2222));

    assertThat(kith.policy.records())
        .extracting(CheckRecord::repeated)
        .containsExactly(false, true, false, false);
  }

  /** What the second destination is must be learned, or it would be refused later. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void check_requestToAnotherHostOnTheSameConnection_isNotRepeated(boolean answeredAMomentAgo) {
    if (answeredAMomentAgo) {
      kith.processes.remember(attributed(APP));
    }
    kith.processes.told(Set.of("a.example", "b.example"));
    var vendor = address("203.0.113.7", 80);
    for (var host : List.of("", "a.example", "b.example", "a.example")) {
      var _ =
          kith.check(
              l7(host).toBuilder()
                  .setAttributes(
                      l7(host).getAttributes().toBuilder()
                          .setDestination(AttributeContext.Peer.newBuilder().setAddress(vendor)))
                  .build());
    }

    assertThat(kith.policy.records())
        .extracting(CheckRecord::repeated)
        .containsExactly(false, false, false, true);
  }

  @Test
  void check_answeredAMomentAgo_asksNobody() {
    kith.processes.remember(attributed(APP));
    var allowed = kith.check(l4(1111));
    var _ = kith.check(l4(1111));
    kith.processes.remember(new Attribution.Unattributed(Rung.NONE, List.of()));
    var denied = kith.check(l4(1111));

    assertThat(kith.processes.asked()).isEmpty();
    assertThat(allowed.getStatus().getCode()).isEqualTo(OK);
    assertThat(denied.getStatus().getCode()).isEqualTo(PERMISSION_DENIED);
    assertThat(kith.policy.records())
        .extracting(CheckRecord::repeated)
        .containsExactly(false, true, false);
  }

  @Test
  void check_likeFourBeforeItOnItsConnection_isARoutine() {
    kith.policy.decideBy(snapshot(Mode.ENFORCE));
    kith.processes.remember(attributed(APP));
    for (var i = 0; i < 7; i++) {
      var _ = kith.check(l4(1111));
    }

    assertThat(kith.policy.records())
        .extracting(CheckRecord::routine)
        .containsExactly(false, false, false, false, false, true, true);
  }

  @Test
  void check_deniedAgainAndAgain_isNoRoutine() {
    kith.processes.remember(attributed(CURL));
    for (var i = 0; i < 9; i++) {
      var _ = kith.check(l4(1111));
    }

    assertThat(kith.policy.records()).extracting(CheckRecord::routine).containsOnly(false);
  }

  @Test
  void check_samePortAsAnotherConnection_isNotRepeated() {
    for (var connection : List.of("1", "2")) {
      var _ = kith.check(l4(), headers("x-kith-direction", "outbound", "x-kith-conn", connection));
    }

    assertThat(kith.policy.records()).extracting(CheckRecord::repeated).containsOnly(false);
  }

  @Test
  void check_l7_answersWithTheCallersTraceId() {
    var response =
        kith.check(
            l7("orders.example"),
            headers(
                "x-kith-direction",
                "outbound",
                "traceparent",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));

    assertThat(said(response, "trace_id")).isEqualTo("0af7651916cd43dd8448eb211c80319c");
  }
}
