package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.stub.StreamObserver;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Attribution.Unattributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Deadlines;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RecentAnswersTest {
  private static final SocketQuery QUERY = query("7", 1234);
  private static final Attributed CLEAN =
      attributed(List.of(candidate(Quality.EXACT, "ab".repeat(32))), List.of());

  private long nanos;
  private final RecentAnswers recent = new RecentAnswers(0);
  private final AttachedBridge bridge = bridge();
  private final RegisteredPod pod = pod();

  private static SocketQuery query(String connection, int port) {
    return new SocketQuery(
        "node-1",
        Protocol.TCP,
        new SocketEnd(IpAddress.parse("10.88.1.2"), port),
        new SocketEnd(IpAddress.parse("10.88.2.10"), 5432),
        Samples.CHECKOUT,
        connection,
        Duration.ofSeconds(1));
  }

  private static Candidate candidate(Quality quality, @Nullable String sha256) {
    var fingerprint =
        new ProcessFingerprint(
            "/usr/bin/checkout",
            sha256,
            Origin.IMAGE,
            1000,
            EntryKind.NATIVE,
            "checkout",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new Candidate("fp:1", fingerprint, ProcessClass.of(fingerprint), quality, Set.of());
  }

  private static Attributed attributed(List<Candidate> candidates, List<String> reasons) {
    return new Attributed(candidates, Rung.KERNEL_EXACT, reasons);
  }

  private static RegisteredPod pod() {
    return new RegisteredPod(
        "net:[1]",
        List.of(IpAddress.parse("10.88.1.2")),
        Set.of(),
        PodFacts.read(Pod.getDefaultInstance(), Instant.EPOCH, new ArrayList<>()));
  }

  private static AttachedBridge bridge() {
    return new AttachedBridge(
        new BridgeHub(new Deadlines(), new NodeBridges(), InstantSource.system()),
        Samples.peer(Samples.CHECKOUT, "10.1.0.1"),
        Hello.newBuilder().setNode("node-1").build(),
        Instant.EPOCH,
        new StreamWriter<>(new Deaf(), () -> true, _ -> {}),
        null,
        System::nanoTime);
  }

  private static final class Deaf implements StreamObserver<ServerMessage> {
    @Override
    public void onNext(ServerMessage message) {}

    @Override
    public void onError(Throwable thrown) {}

    @Override
    public void onCompleted() {}
  }

  private void keep(SocketQuery query, Attribution answer) {
    recent.keep(bridge, pod, query, new KnownConnection(answer, nanos));
  }

  @Test
  void find_withinASecond_isTheAnswer() {
    keep(QUERY, CLEAN);
    nanos = Duration.ofMillis(999).toNanos();

    assertThat(requireNonNull(recent.find(bridge, pod, query("7", 1234), nanos)).attribution())
        .isSameAs(CLEAN);
  }

  @Test
  void find_afterASecond_isNothing_howeverOftenItWasFound() {
    keep(QUERY, CLEAN);
    nanos = Duration.ofMillis(600).toNanos();
    var _ = recent.find(bridge, pod, QUERY, nanos);
    nanos = Duration.ofSeconds(1).toNanos();

    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNull();
  }

  @Test
  void find_anotherConnectionPortPodOrBridge_isNothing() {
    keep(QUERY, CLEAN);

    assertThat(recent.find(bridge, pod, query("8", 1234), nanos)).isNull();
    assertThat(recent.find(bridge, pod, query("7", 1235), nanos)).isNull();
    assertThat(recent.find(bridge, pod(), QUERY, nanos)).isNull();
    assertThat(recent.find(bridge(), pod, QUERY, nanos)).isNull();
  }

  @Test
  void find_connectionThatIsNotNumbered_isNothing() {
    keep(query("", 1234), CLEAN);

    assertThat(recent.find(bridge, pod, query("", 1234), nanos)).isNull();
  }

  static Stream<Arguments> doubtful() {
    var exact = candidate(Quality.EXACT, "ab".repeat(32));
    return Stream.of(
        Arguments.of("two processes", attributed(List.of(exact, exact), List.of())),
        Arguments.of("a remark", attributed(List.of(exact), List.of("late"))),
        Arguments.of(
            "others may use the socket",
            attributed(List.of(candidate(Quality.EXACT_SHARED, "ab".repeat(32))), List.of())),
        Arguments.of(
            "only a holder",
            attributed(List.of(candidate(Quality.HOLDER, "ab".repeat(32))), List.of())),
        Arguments.of(
            "not hashed yet", attributed(List.of(candidate(Quality.EXACT, null)), List.of())));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("doubtful")
  void keep_doubtfulAnswer_isNotKept(String why, Attributed answer) {
    keep(QUERY, answer);

    assertThat(recent.find(bridge, pod, QUERY, nanos)).as(why).isNull();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("doubtful")
  void keep_doubtfulAnswer_forgetsTheOneBefore(String why, Attributed answer) {
    keep(QUERY, CLEAN);
    keep(QUERY, answer);

    assertThat(recent.find(bridge, pod, QUERY, nanos)).as(why).isNull();
  }

  @Test
  void keep_nothingIsKnownAnyMore_forgetsTheOneBefore() {
    keep(QUERY, CLEAN);
    keep(QUERY, new Unattributed(Rung.NONE, List.of("gone")));

    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNull();
  }

  @Test
  void find_answeredAgain_isNoOlderThanTheSecondAnswer() {
    keep(QUERY, CLEAN);
    nanos = Duration.ofMillis(500).toNanos();
    keep(QUERY, CLEAN);

    nanos = Duration.ofMillis(1_499).toNanos();
    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNotNull();
    nanos = Duration.ofMillis(1_501).toNanos();
    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNull();
  }

  @Test
  void find_inUseAndAnsweredAgain_staysTheSameObject_untilSomethingElseIsAnswered() {
    keep(QUERY, CLEAN);
    var known = requireNonNull(recent.find(bridge, pod, QUERY, nanos));
    for (var i = 0; i < 5; i++) {
      nanos += Duration.ofMillis(900).toNanos();
      keep(QUERY, attributed(CLEAN.candidates(), List.of()));
      assertThat(recent.find(bridge, pod, QUERY, nanos)).isSameAs(known);
    }

    var other = attributed(List.of(candidate(Quality.EXACT, "cd".repeat(32))), List.of());
    keep(QUERY, other);
    assertThat(requireNonNull(recent.find(bridge, pod, QUERY, nanos)).attribution())
        .isSameAs(other);
  }

  @Test
  void find_ofAnotherConnectionsAnswer_isUnasked_untilItsBridgeAnswersAboutIt() {
    recent.keep(bridge, pod, QUERY, KnownConnection.unasked(CLEAN, nanos));
    var known = requireNonNull(recent.find(bridge, pod, QUERY, nanos));
    assertThat(known.isUnasked()).isTrue();

    recent.keep(bridge, pod, QUERY, KnownConnection.unasked(CLEAN, nanos));
    assertThat(known.isUnasked()).isTrue();
    keep(QUERY, CLEAN);
    assertThat(known.isUnasked()).isFalse();
    recent.keep(bridge, pod, QUERY, KnownConnection.unasked(CLEAN, nanos));
    assertThat(known.isUnasked()).as("what was asked stays so").isFalse();

    keep(query("8", 1235), CLEAN);
    assertThat(requireNonNull(recent.find(bridge, pod, query("8", 1235), nanos)).isUnasked())
        .isFalse();
  }

  @Test
  void find_inUse_isNothingAfterASecond_andAgainOnceItIsAnswered() {
    keep(QUERY, CLEAN);
    var _ = recent.find(bridge, pod, QUERY, nanos);
    nanos += RecentAnswers.KEPT.toNanos();
    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNull();

    keep(QUERY, CLEAN);
    assertThat(recent.find(bridge, pod, QUERY, nanos)).isNotNull();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("doubtful")
  void keep_doubtfulAnswer_forgetsTheOneInUse(String why, Attributed answer) {
    keep(QUERY, CLEAN);
    var _ = recent.find(bridge, pod, QUERY, nanos);
    keep(QUERY, answer);

    assertThat(recent.find(bridge, pod, QUERY, nanos)).as(why).isNull();
  }

  @Test
  void keep_moreThanItHasRoomFor_forgetsTheEldest() {
    for (var i = 0; i < 200_000; i++) {
      keep(query(Integer.toString(i), 1 + i % 65_000), CLEAN);
    }

    assertThat(recent.find(bridge, pod, query("0", 1), nanos)).isNull();
    assertThat(recent.find(bridge, pod, query("199999", 1 + 199_999 % 65_000), nanos)).isNotNull();
  }
}
