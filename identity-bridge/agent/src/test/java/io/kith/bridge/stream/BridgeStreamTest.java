package io.kith.bridge.stream;

import static io.kith.bridge.v1.BridgeMessage.MessageCase.ANSWER;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.DNS_ANSWERS;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.FINGERPRINT;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.HELLO;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.NODE_STATUS;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.POD_UPDATE;
import static io.kith.bridge.v1.BridgeMessage.MessageCase.REVOCATION_DONE;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.guard.DnsMemory;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardPolicy;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.guard.Totals;
import io.kith.bridge.process.FingerprintId;
import io.kith.bridge.process.ProcessKey;
import io.kith.bridge.stream.BridgeStream.Event;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.Protocol;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.ServerMessage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class BridgeStreamTest {
  private static final SpiffeId CHECKOUT =
      SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  private static final String DIGEST = "sha256:" + "1".repeat(64);
  private static final NodeView.Pod POD = pod("net:[1]", "10.0.0.1");

  private final FakeNode node = new FakeNode();
  private final BlockingQueue<BridgeStream.Event> events = new LinkedBlockingQueue<>();
  private FakeAuthzServer server;
  private BridgeStream stream;

  @BeforeEach
  void start() throws Exception {
    server = new FakeAuthzServer();
    stream = server.follow(node, events::add);
  }

  @AfterEach
  void stop() {
    stream.close();
    server.close();
  }

  private static NodeView.Pod pod(String id, String address) {
    return new NodeView.Pod(
        id,
        Set.of(IpAddress.parse(address)),
        Set.of(CHECKOUT),
        NodeView.IdentitySource.DEV_UNATTESTED,
        Instant.ofEpochMilli(1_790_000_000_123L),
        DIGEST);
  }

  private static NodeView.Candidate candidate(String path) {
    var fingerprint =
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            0,
            EntryKind.NATIVE,
            "x",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new NodeView.Candidate(
        FingerprintId.of(fingerprint),
        fingerprint,
        Quality.EXACT,
        new ProcessKey(7, 8, 9),
        Set.of(CHECKOUT),
        NodeView.IdentitySource.DEV_UNATTESTED);
  }

  /** A node whose parts a test changes. */
  private static final class FakeNode implements NodeView {
    private volatile List<Pod> pods = List.of(POD);
    private final AtomicInteger podChanges = new AtomicInteger();
    private final AtomicInteger podsListed = new AtomicInteger();
    private volatile List<Candidate> candidates = List.of(candidate("/bin/curl"));
    private volatile boolean broken;
    private volatile boolean atHand;
    private volatile Duration look = Duration.ZERO;
    private final AtomicInteger answeredAtHand = new AtomicInteger();
    private final AtomicInteger answered = new AtomicInteger();
    private volatile String guard = "no BPF file system";
    private final FakeGuard guarded = new FakeGuard();

    @Override
    public GuardView guard() {
      return guarded;
    }

    @Override
    public Answer answer(Question question) {
      answered.incrementAndGet();
      return answered(question);
    }

    private Answer answered(Question question) {
      if (broken) {
        throw new IllegalStateException("a bug");
      }
      return new Answer(candidates, Rung.KERNEL_EXACT, List.of(), question.sourcePort() + 1);
    }

    @Override
    public @Nullable Answer atHand(Question question) {
      if (!atHand) {
        return null;
      }
      LockSupport.parkNanos(look.toNanos());
      var answer = answered(question);
      answeredAtHand.incrementAndGet();
      return answer;
    }

    @Override
    public List<Pod> pods() {
      podsListed.incrementAndGet();
      return pods;
    }

    @Override
    public long podChanges() {
      return podChanges.get();
    }

    private void become(Pod... all) {
      pods = List.of(all);
      podChanges.incrementAndGet();
    }

    @Override
    public Status status() {
      return new Status(
          Rung.KERNEL_EXACT,
          List.of("no first sender"),
          true,
          5,
          65_536,
          new Containers(2, 1, 4, 3),
          guard);
    }
  }

  /** Guards nothing, and ends connections when a test says so. */
  private static final class FakeGuard implements GuardView {
    private final BlockingQueue<List<GuardView.Connection>> revoked = new LinkedBlockingQueue<>();
    private final BlockingQueue<Runnable> toBeDone = new LinkedBlockingQueue<>();
    private volatile boolean broken;

    @Override
    public void revoke(List<GuardView.Connection> connections, Runnable done) {
      revoked.add(connections);
      toBeDone.add(done);
    }

    @Override
    public void said(String server, Map<String, GuardPolicy> policies) {}

    @Override
    public void gone(String server) {
      if (broken) {
        throw new IllegalStateException("a bug");
      }
    }

    @Override
    public List<PodGuard> states() {
      return NONE.states();
    }

    @Override
    public List<GuardEvent> events() {
      return NONE.events();
    }

    @Override
    public Totals totals() {
      return NONE.totals();
    }

    @Override
    public long destroyed() {
      return NONE.destroyed();
    }

    private final List<DnsMemory.Fact> facts = new CopyOnWriteArrayList<>();
    private final List<Runnable> hearers = new CopyOnWriteArrayList<>();

    /** Of which nobody is told, as if the thread that hears were not at it yet. */
    private void hear(String name) {
      facts.add(
          new DnsMemory.Fact(
              facts.size() + 1, "net:[1]", name, 30, Map.of(IpAddress.parse("10.0.0.9"), 86_400L)));
    }

    @Override
    public List<DnsMemory.Fact> namesAfter(long number, int most) {
      return facts.stream().skip(number).limit(most).toList();
    }

    @Override
    public long latestName() {
      return facts.size();
    }

    @Override
    public void whenNamed(Runnable hearer) {
      hearers.add(hearer);
    }

    @Override
    public void forget(Runnable hearer) {
      hearers.remove(hearer);
    }
  }

  private static ServerMessage revocation(long id, long seenMillisAgo) {
    return ServerMessage.newBuilder()
        .setRevocation(
            Revocation.newBuilder()
                .setId(id)
                .addConnections(
                    Connection.newBuilder()
                        .setPodId("net:[1]")
                        .setSourceAddress(FakeAuthzServer.bytes("10.0.0.1"))
                        .setSourcePort(4_000)
                        .setDestinationAddress(FakeAuthzServer.bytes("10.0.0.9"))
                        .setDestinationPort(80)
                        .setSeenMillisAgo(seenMillisAgo)))
        .build();
  }

  @Test
  void revocation_isSaidToBeDoneWhenTheGuardHasDoneIt() throws Exception {
    assertThat(server.next(HELLO).getHello().getSaysRevocationDone()).isTrue();
    server.next(NODE_STATUS);
    server.say(revocation(7, 0));
    server.say(revocation(8, 0));
    var first = node.guarded.toBeDone.take();
    var second = node.guarded.toBeDone.take();

    second.run();
    first.run();

    assertThat(server.next(REVOCATION_DONE).getRevocationDone().getId()).isEqualTo(8);
    assertThat(server.next(REVOCATION_DONE).getRevocationDone().getId()).isEqualTo(7);
  }

  @Test
  void revocation_ofAnOlderServer_isDoneInSilence() throws Exception {
    server.next(NODE_STATUS);
    server.say(revocation(0, 0));
    server.say(revocation(8, 0));

    node.guarded.toBeDone.take().run();
    node.guarded.toBeDone.take().run();

    assertThat(server.next(REVOCATION_DONE).getRevocationDone().getId()).isEqualTo(8);
  }

  /** The server counts for each stream; it says again on the next what it did not hear of. */
  @Test
  void revocation_doneAfterItsStreamEnded_isNotSaidOnTheNext() throws Exception {
    server.next(NODE_STATUS);
    server.say(revocation(7, 0));
    var before = node.guarded.toBeDone.take();
    server.cut();
    server.next(HELLO);
    server.next(NODE_STATUS);

    before.run();
    server.say(revocation(8, 0));
    node.guarded.toBeDone.take().run();

    assertThat(server.next(REVOCATION_DONE).getRevocationDone().getId()).isEqualTo(8);
  }

  @Test
  void revocation_connectionsSeenAWhileAgo_areDatedByTheNodesClock() throws Exception {
    server.next(NODE_STATUS);
    var before = BootClock.nanos();
    server.say(revocation(1, 0));
    server.say(revocation(2, 1_000));
    server.say(revocation(3, -1)); // as a number without sign, more than there is
    var seen = new ArrayList<Long>();
    for (var i = 0; i < 3; i++) {
      seen.add(node.guarded.revoked.take().getFirst().seenNanos());
    }
    var after = BootClock.nanos();

    assertThat(seen.get(0)).isBetween(before, after);
    assertThat(seen.get(1))
        .as("a thousandth later")
        .isBetween(before - 999_000_000, after - 999_000_000);
    assertThat(seen.get(2)).isBetween(before, after);
  }

  @Test
  void start_newStream_saysHelloThenPodsThenStatus() throws Exception {
    var hello = server.next();
    var pods = server.next();
    var status = server.next();

    assertThat(hello.getHello().getNode()).isEqualTo("node-1");
    assertThat(hello.getHello().getProtocolVersion()).isEqualTo(1);
    assertThat(pods.getPodUpdate().getPodsList())
        .singleElement()
        .satisfies(
            pod -> {
              assertThat(pod.getId()).isEqualTo("net:[1]");
              assertThat(pod.getStartedUnixMillis()).isEqualTo(1_790_000_000_123L);
              assertThat(pod.getImageDigest()).isEqualTo(DIGEST);
              assertThat(pod.getAddresses(0))
                  .isEqualTo(ByteString.copyFrom(new byte[] {10, 0, 0, 1}));
              assertThat(pod.getSpiffeIdsList()).containsExactly(CHECKOUT.toString());
            });
    assertThat(status.getNodeStatus().getProblemsList()).containsExactly("no first sender");
    assertThat(status.getNodeStatus().getCanaryOk()).isTrue();
    assertThat(status.getNodeStatus().getGuardOk()).isFalse();
    assertThat(status.getNodeStatus().getGuardProblem()).isEqualTo("no BPF file system");
  }

  @Test
  void status_guardThatIsThereByNow_isToldAtOnce() throws Exception {
    server.next(NODE_STATUS);

    node.guard = "";

    var status = server.next(NODE_STATUS).getNodeStatus();
    assertThat(status.getGuardOk()).isTrue();
    assertThat(status.getGuardProblem()).isEmpty();
  }

  @Test
  void query_newFingerprint_isSentOnceBeforeTheAnswer() throws Exception {
    server.next(NODE_STATUS);
    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);
    server.ask(2, "10.0.0.1", 4001, "10.0.0.9", 80);

    var fingerprint = server.next();
    var first = server.next();
    var second = server.next();

    assertThat(fingerprint.getFingerprint().getPath()).isEqualTo("/bin/curl");
    assertThat(first.getAnswer().getQueryId()).isEqualTo(1);
    assertThat(first.getAnswer().getOriginalSourcePort()).isEqualTo(4001);
    assertThat(first.getAnswer().getCandidates(0).getFingerprintId())
        .isEqualTo(fingerprint.getFingerprint().getId());
    assertThat(first.getAnswer().getCandidates(0).getProcess().getExecGeneration()).isEqualTo(9);
    assertThat(second.getMessageCase()).isEqualTo(ANSWER);
    assertThat(second.getAnswer().getQueryId()).isEqualTo(2);
  }

  /** It was never attached to again. */
  @Test
  void cut_mistakeWhileTheGuardIsTold_isAttachedToAgain() throws Exception {
    server.next(NODE_STATUS);
    node.guarded.broken = true;

    server.cut();

    assertThat(server.next(HELLO)).isNotNull();
  }

  @Test
  void query_afterACut_sendsEverythingAgain() throws Exception {
    server.next(NODE_STATUS);
    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);
    server.next(ANSWER);

    server.cut();

    assertThat(server.next(HELLO)).isNotNull();
    assertThat(server.next(POD_UPDATE).getPodUpdate().getPodsCount()).isEqualTo(1);
    server.next(NODE_STATUS);
    server.ask(2, "10.0.0.1", 4000, "10.0.0.9", 80);
    assertThat(server.next().getMessageCase()).isEqualTo(FINGERPRINT);
    assertThat(server.next().getAnswer().getQueryId()).isEqualTo(2);
  }

  @Test
  void start_serverComesLater_isAttachedThen() throws Exception {
    server.next(NODE_STATUS);
    server.leave();
    var detached = awaitEvent(BridgeStream.Event.Detached.class);
    assertThat(detached.retryMillis()).isBetween(250L, 10_000L);

    server = server.successor();

    assertThat(server.next().getMessageCase()).isEqualTo(HELLO);
  }

  /** A call on a connection that has failed already ends before it has begun. */
  @Test
  void begin_serverThatWasNotThereWhileTheStreamWasHeld_isTriedAgain() throws Exception {
    stream.close();
    server.leave();
    events.clear();
    try (var held = server.hold(node, events::add)) {
      Thread.sleep(1_000); // until it cannot be connected to
      held.begin();
      awaitEvent(BridgeStream.Event.Detached.class);

      server = server.successor();

      assertThat(server.next().getMessageCase()).isEqualTo(HELLO);
    }
  }

  private <E> E awaitEvent(Class<E> type) throws InterruptedException {
    for (; ; ) {
      var event = events.poll(60, TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no " + type.getSimpleName());
      }
      if (type.isInstance(event)) {
        return type.cast(event);
      }
    }
  }

  @Test
  void pods_changed_areSentAsAWhole() throws Exception {
    server.next(NODE_STATUS);

    node.become(POD, pod("net:[2]", "10.0.0.2"));

    assertThat(server.next(POD_UPDATE).getPodUpdate().getPodsCount()).isEqualTo(2);
  }

  @Test
  void query_thatFindsANewPod_tellsThePodBeforeTheAnswer() throws Exception {
    server.next(NODE_STATUS);
    node.candidates = List.of();
    node.become(POD, pod("net:[2]", "10.0.0.2"));

    server.ask(1, "10.0.0.2", 4000, "10.0.0.9", 80);

    assertThat(server.next().getMessageCase()).isEqualTo(POD_UPDATE);
    assertThat(server.next().getMessageCase()).isEqualTo(ANSWER);
  }

  /**
   * A pod connects right after it was told an address; at each question anew, between the looks.
   */
  @Test
  void query_afterANameWasHeard_tellsTheNameBeforeTheAnswer() throws Exception {
    server.next(NODE_STATUS);
    node.candidates = List.of();

    for (var id = 1; id <= 100; id++) {
      node.atHand = id % 2 == 0;
      node.guarded.hear("d" + id + ".example");
      server.ask(id, "10.0.0.1", 4000, "10.0.0.9", 80);

      var names = nextOfNamesAndAnswers();
      assertThat(names.getDnsAnswers().getAnswersList())
          .singleElement()
          .satisfies(
              answer -> {
                assertThat(answer.getPodId()).isEqualTo("net:[1]");
                assertThat(answer.getAddressesList())
                    .containsExactly(FakeAuthzServer.bytes("10.0.0.9"));
                assertThat(answer.getLeftSecondsList()).containsExactly(86_400);
              });
      assertThat(names.getDnsAnswers().getAnswers(0).getName()).isEqualTo("d" + id + ".example");
      assertThat(nextOfNamesAndAnswers().getAnswer().getQueryId()).isEqualTo(id);
    }
  }

  private BridgeMessage nextOfNamesAndAnswers() throws InterruptedException {
    var message = server.next();
    while (message.getMessageCase() != DNS_ANSWERS && message.getMessageCase() != ANSWER) {
      message = server.next(); // pods and the status are said again now and then
    }
    return message;
  }

  @Test
  void names_onANewStream_areToldAfterThePodsBeforeAllElse() throws Exception {
    server.next(NODE_STATUS);
    for (var i = 0; i < 300; i++) {
      node.guarded.hear("d" + i + ".example");
    }
    var told = server.next(DNS_ANSWERS).getDnsAnswers().getAnswersCount();
    while (told < 300) {
      told += server.next(DNS_ANSWERS).getDnsAnswers().getAnswersCount();
    }

    server.cut();

    assertThat(server.next(HELLO)).isNotNull();
    assertThat(server.next().getMessageCase()).isEqualTo(POD_UPDATE);
    var names = server.next();
    assertThat(names.getMessageCase()).isEqualTo(DNS_ANSWERS);
    assertThat(names.getDnsAnswers().getAnswersCount()).isEqualTo(256);
    assertThat(names.getDnsAnswers().getAnswers(0).getName()).isEqualTo("d0.example");
    assertThat(server.next(DNS_ANSWERS).getDnsAnswers().getAnswersCount()).isEqualTo(44);
  }

  /** Each comes as soon as it is heard: by the timer alone, 300 of them would take five minutes. */
  @Test
  @Timeout(120)
  void names_heard_areToldAtOnce() throws Exception {
    server.next(NODE_STATUS);

    for (var i = 0; i < 300; i++) {
      node.guarded.hear("d" + i + ".example");
      node.guarded.hearers.forEach(Runnable::run);
      var names = server.next(DNS_ANSWERS).getDnsAnswers();
      assertThat(names.getAnswers(0).getName()).isEqualTo("d" + i + ".example");
    }
  }

  @Test
  void close_endsListeningForNames() {
    assertThat(node.guarded.hearers).hasSize(1);

    stream.close();

    assertThat(node.guarded.hearers).isEmpty();
  }

  @Test
  void queries_whilePodsStayAsTheyAre_listNone() throws Exception {
    server.next(NODE_STATUS);
    var before = node.podsListed.get();

    for (var id = 1; id <= 2_000; id++) {
      server.ask(id, "10.0.0.1", 4000, "10.0.0.9", 80);
      server.next(ANSWER);
    }

    assertThat(node.podsListed.get() - before).as("by the timer").isLessThan(200);
  }

  @Test
  void query_ofWhichAllIsAtHand_isAnsweredByWhoReads() throws Exception {
    server.next(NODE_STATUS);
    node.atHand = true;

    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);

    var fingerprint = server.next();
    var answer = server.next().getAnswer();
    assertThat(answer.getQueryId()).isEqualTo(1);
    assertThat(answer.getCandidates(0).getFingerprintId())
        .isEqualTo(fingerprint.getFingerprint().getId());
    assertThat(node.answered).hasValue(0);
  }

  @Test
  void query_ofWhichAllIsAtHand_afterAPodCame_tellsThePodFirst() throws Exception {
    server.next(NODE_STATUS);
    node.atHand = true;
    node.candidates = List.of();
    node.become(POD, pod("net:[2]", "10.0.0.2"));

    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);

    assertThat(server.next().getMessageCase()).isEqualTo(POD_UPDATE);
    assertThat(server.next().getMessageCase()).isEqualTo(ANSWER);
  }

  @Test
  void queries_oneAfterTheOther_takeTurnsThoughAllIsAtHand() throws Exception {
    server.next(NODE_STATUS);
    node.atHand = true;
    node.look = Duration.ofMillis(200); // meanwhile the others have come

    for (var id = 1; id <= 1_000; id++) {
      server.ask(id, "10.0.0.1", 4000, "10.0.0.9", 80);
    }

    for (var i = 0; i < 1_000; i++) {
      server.next(ANSWER);
    }
    assertThat(node.answeredAtHand).hasPositiveValue();
    assertThat(node.answered).as("answered by the workers").hasPositiveValue();
    assertThat(node.answeredAtHand.get() + node.answered.get()).isEqualTo(1_000);
  }

  @Test
  void query_malformed_isAnsweredWithWhy() throws Exception {
    server.next(NODE_STATUS);

    server.ask(Query.newBuilder().setId(5).setProtocol(Protocol.PROTOCOL_TCP).build());

    var answer = server.next(ANSWER).getAnswer();
    assertThat(answer.getQueryId()).isEqualTo(5);
    assertThat(answer.getCandidatesList()).isEmpty();
    assertThat(answer.getReasonsList())
        .containsExactly("question not understood: address of 0 bytes (expected: 4 or 16)");
  }

  @Test
  void query_bugInside_isAnsweredAndTheStreamGoesOn() throws Exception {
    server.next(NODE_STATUS);
    node.broken = true;
    node.atHand = true;
    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);
    assertThat(server.next(ANSWER).getAnswer().getReasonsList())
        .containsExactly("a mistake inside the bridge");

    node.broken = false;
    server.ask(2, "10.0.0.1", 4000, "10.0.0.9", 80);

    assertThat(server.next(ANSWER).getAnswer().getCandidatesCount()).isEqualTo(1);
  }

  @Test
  void renew_newCertificate_secondStreamTellsAllBeforeTheFirstEnds() throws Exception {
    server.next(NODE_STATUS);
    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);
    server.next(ANSWER);

    stream.renew();
    assertThat(server.next().getMessageCase()).isEqualTo(HELLO);
    assertThat(server.next().getMessageCase()).isEqualTo(POD_UPDATE);
    assertThat(server.next().getMessageCase()).isEqualTo(NODE_STATUS);
    server.askOlder(FakeAuthzServer.query(2, "10.0.0.1", 4000, "10.0.0.9", 80));
    assertThat(server.next().getAnswer().getQueryId()).isEqualTo(2);
    server.endOlder();
    server.ask(1, "10.0.0.1", 4000, "10.0.0.9", 80);

    assertThat(server.next().getMessageCase()).isEqualTo(FINGERPRINT);
    assertThat(server.next().getAnswer().getQueryId()).isEqualTo(1);
    assertThat(events).hasSize(2).allMatch(BridgeStream.Event.Attached.class::isInstance);
  }

  @Test
  void renew_twiceAtOnce_takesOverOneAfterTheOther() throws Exception {
    server.next(NODE_STATUS);
    stream.renew();
    server.next(NODE_STATUS);

    stream.renew();
    server.askOlder(FakeAuthzServer.query(1, "10.0.0.1", 4000, "10.0.0.9", 80));
    assertThat(server.next().getMessageCase()).isEqualTo(FINGERPRINT);
    assertThat(server.next().getMessageCase()).isEqualTo(ANSWER); // the first stream is still there
    server.endOlder();

    assertThat(server.next(HELLO)).isNotNull();
  }

  @Test
  void renew_whileNotAttached_dialsAtOnce() throws Exception {
    server.next(NODE_STATUS);
    var inTime = false;

    for (var tries = 0; !inTime && tries < 5; tries++) { // again where a busy machine takes longer
      server.leave();
      Event.Detached detached;
      do {
        detached = awaitEvent(Event.Detached.class);
      } while (detached.retryMillis() < 4_000);
      server = server.successor();
      var began = System.nanoTime();

      stream.renew();

      assertThat(server.next(HELLO)).isNotNull();
      inTime = System.nanoTime() - began < detached.retryMillis() * 1_000_000 / 2;
    }

    assertThat(inTime).as("long before the next attempt was due").isTrue();
  }
}
