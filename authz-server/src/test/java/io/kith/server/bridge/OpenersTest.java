package io.kith.server.bridge;

import static io.kith.server.bridge.FakeBridge.candidate;
import static io.kith.server.bridge.FakeBridge.fingerprint;
import static io.kith.server.bridge.FakeBridge.pod;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.stub.StreamObserver;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.process.Attribution;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Opener;
import io.kith.bridge.v1.OpenerTable;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Unasked;
import io.kith.server.check.Await;
import io.kith.server.check.Deadlines;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import io.kith.server.ffm.SharedWords;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class OpenersTest {
  private static final SpiffeId BRIDGE =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");
  private static final String POD = "10.88.1.2";
  private static final String OTHER_POD = "10.88.1.3";
  private static final long SEED = 0x0123456789abcdefL;
  private static final long NETWORK = 77;
  private static final long NUMBER = 4711;
  private static final int WORDS = 1024;
  private static final long BOOT_AHEAD = 5_000_000_000L;
  private static final OpenerTable TABLE =
      OpenerTable.newBuilder()
          .setMapId(5)
          .setWords(WORDS)
          .setSeed(SEED)
          .setBootNanosAhead(BOOT_AHEAD)
          .build();
  private static final String HASH = "ab".repeat(32);

  private final Deadlines deadlines = new Deadlines();
  private final BridgeHub hub = new BridgeHub(deadlines, new NodeBridges(), InstantSource.system());
  private final BridgeService service =
      new BridgeService(
          hub, List.of(SpiffeIdPattern.parse(BRIDGE.toString())), "test", InstantSource.system());
  private final OpenerTables tables = new OpenerTables(Runnable::run);
  private final long[] words = new long[WORDS];
  // Before anything is asked, so that all answers are young.
  private final long now = System.nanoTime();
  private final Told told = new Told();
  private StreamObserver<BridgeMessage> bridge;

  /** What the server tells a bridge. */
  private static final class Told implements StreamObserver<ServerMessage> {
    private final List<ServerMessage> messages = new CopyOnWriteArrayList<>();

    List<Query> queries() {
      return messages.stream()
          .filter(ServerMessage::hasQuery)
          .map(ServerMessage::getQuery)
          .toList();
    }

    List<Unasked> unasked() {
      return messages.stream()
          .filter(ServerMessage::hasUnasked)
          .map(ServerMessage::getUnasked)
          .toList();
    }

    @Override
    public void onNext(ServerMessage message) {
      messages.add(message);
    }

    @Override
    public void onError(Throwable thrown) {}

    @Override
    public void onCompleted() {}
  }

  /** A map in the memory of a test. */
  private static final class FakeMap implements OpenerTables.Handed {
    private final long id;
    private final long[] words;
    private boolean closed;

    FakeMap(long id, long[] words) {
      this.id = id;
      this.words = words;
    }

    @Override
    public long id() {
      return id;
    }

    @Override
    public long words() {
      return words.length;
    }

    @Override
    public SharedWords map() throws IOException {
      if (closed) {
        throw new IOException("it is closed");
      }
      return SharedWords.of(MemorySegment.ofArray(words));
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  @BeforeEach
  void attach() {
    bridge = attached(told);
    bridge.onNext(status(true));
    bridge.onNext(pods(pod(POD), pod(OTHER_POD)));
    bridge.onNext(BridgeMessage.newBuilder().setOpenerTable(TABLE).build());
    tables.handedOver(new FakeMap(5, words));
    bridge.onNext(
        BridgeMessage.newBuilder()
            .setFingerprint(fingerprint("fp:1", "/usr/bin/checkout").setSha256(HASH))
            .build());
    bridge.onNext(
        BridgeMessage.newBuilder().setFingerprint(fingerprint("fp:2", "/usr/bin/later")).build());
  }

  @AfterEach
  void stop() {
    deadlines.close();
  }

  private StreamObserver<BridgeMessage> attached(Told told) {
    var stream = service.attach(Samples.peer(BRIDGE, "10.1.0.1"), told, () -> true, tables);
    stream.onNext(
        BridgeMessage.newBuilder()
            .setHello(Hello.newBuilder().setProtocolVersion(1).setNode("node-1"))
            .build());
    return stream;
  }

  private static BridgeMessage status(boolean canaryOk) {
    return BridgeMessage.newBuilder()
        .setNodeStatus(NodeStatus.newBuilder().setCanaryOk(canaryOk))
        .build();
  }

  private static BridgeMessage pods(Pod... pods) {
    return BridgeMessage.newBuilder()
        .setPodUpdate(PodUpdate.newBuilder().addAllPods(List.of(pods)))
        .build();
  }

  /** A connection by the port that it comes from. */
  private static SocketQuery connection(int port) {
    return connection(POD, Samples.CHECKOUT, Protocol.TCP, port);
  }

  private static SocketQuery connection(
      String pod, SpiffeId reporter, Protocol protocol, int port) {
    return new SocketQuery(
        "",
        protocol,
        new SocketEnd(IpAddress.parse(pod), port),
        new SocketEnd(IpAddress.parse("10.88.2.10"), 5432),
        reporter,
        Integer.toString(port),
        Duration.ofSeconds(60));
  }

  /** As the kernel does when somebody connects. */
  private void opens(long number, SocketQuery connection) {
    opened(0, number, connection);
  }

  private void opened(int ticksAgo, long number, SocketQuery connection) {
    var hash = OpenerHash.of(SEED, NETWORK, connection.source(), connection.destination());
    var then = now + BOOT_AHEAD - ticksAgo * OpenerHash.TICK_NANOS;
    words[(int) hash & (WORDS - 1)] = number ^ OpenerHash.at(hash, then);
  }

  private static Answer.Builder answer(long number, Candidate.Builder... candidates) {
    var answer = Answer.newBuilder().setRung(Rung.RUNG_KERNEL_EXACT);
    if (number != 0) {
      answer.setOpener(Opener.newBuilder().setNumber(number).setNetwork(NETWORK));
    }
    for (var candidate : candidates) {
      answer.addCandidates(candidate);
    }
    return answer;
  }

  /** Has the latest question answered. */
  private void answers(Answer.Builder answer) {
    bridge.onNext(
        BridgeMessage.newBuilder()
            .setAnswer(answer.setQueryId(told.queries().getLast().getId()))
            .build());
  }

  private Attribution asked(SocketQuery connection, Answer.Builder answer) {
    var asked = hub.ask(connection, _ -> {});
    answers(answer);
    return asked.join();
  }

  /** A process that the bridge has just described, by the first of its connections. */
  private Attribution described() {
    return asked(connection(1), answer(NUMBER, candidate("fp:1")));
  }

  private @Nullable KnownConnection known(SocketQuery connection) {
    return hub.known(connection, now);
  }

  /** A Check that is decided by it. */
  private KnownConnection used(SocketQuery connection) {
    var known = requireNonNull(known(connection));
    hub.used(known);
    return known;
  }

  @Test
  void known_otherConnectionOfTheProcess_isAnsweredWithoutAQuestion() {
    var attribution = described();
    opens(NUMBER, connection(2));

    var known = requireNonNull(known(connection(2)));
    assertThat(hub.counts().byTableTotal()).as("as long as it may be asked about").isZero();
    hub.used(known);

    assertThat(known.attribution()).isSameAs(attribution);
    assertThat(told.queries()).hasSize(1);
    assertThat(hub.counts().byTableTotal()).isOne();
    assertThat(hub.counts().reusedTotal()).isZero();
  }

  @Test
  void known_nextRequestOnTheConnection_isAnsweredFromMemory_whateverTheTableHas() {
    var _ = described();
    opens(NUMBER, connection(2));
    var _ = used(connection(2));
    opens(0, connection(2));

    var _ = used(connection(2));
    assertThat(hub.counts().byTableTotal()).isEqualTo(2);
    assertThat(hub.counts().reusedTotal()).isZero();

    var _ = asked(connection(2), answer(NUMBER, candidate("fp:1")));
    var _ = used(connection(2));
    assertThat(hub.counts().byTableTotal()).isEqualTo(2);
    assertThat(hub.counts().reusedTotal()).isOne();
  }

  /** Of its requests each may say a name that its bridge has not told yet. */
  @Test
  void known_nextRequestOnTheConnection_isUnaskedAsWell_untilTheBridgeAnswersAboutIt() {
    var _ = described();
    opens(NUMBER, connection(2));
    assertThat(requireNonNull(known(connection(2))).isUnasked()).isTrue();
    assertThat(requireNonNull(known(connection(2))).isUnasked()).isTrue();

    var _ = asked(connection(2), answer(NUMBER, candidate("fp:1")));

    assertThat(requireNonNull(known(connection(2))).isUnasked()).isFalse();
  }

  @Test
  void known_connectionOverIpv6_isAnsweredWithoutAQuestion() {
    bridge.onNext(pods(pod("fd00::2")));
    var first = connection("fd00::2", Samples.CHECKOUT, Protocol.TCP, 1);
    var second = connection("fd00::2", Samples.CHECKOUT, Protocol.TCP, 2);
    var _ = asked(first, answer(NUMBER, candidate("fp:1")));
    opens(NUMBER, second);

    assertThat(known(second)).isNotNull();
  }

  static Stream<Arguments> others() {
    return Stream.of(
        other("a process that is not known", test -> test.opens(NUMBER + 1, connection(2))),
        other("there is no table any more", test -> test.names(OpenerTable.getDefaultInstance())),
        other("long ago", test -> test.opened(2, NUMBER, connection(2))),
        other("nobody any more", test -> test.words[word(connection(2))] = 0),
        other("another connection", test -> test.words[word(connection(2))] ^= 1L << 40),
        other("news of the pods", test -> test.bridge.onNext(pods(pod(POD), pod(OTHER_POD)))),
        other("the canary is lost", test -> test.bridge.onNext(status(false))),
        other(
            "the canary was lost",
            test -> {
              test.bridge.onNext(status(false));
              test.bridge.onNext(status(true));
            }),
        other("the end of the stream", test -> test.bridge.onCompleted()),
        other(
            "a later stream",
            test -> {
              var later = test.attached(new Told());
              later.onNext(status(true));
              later.onNext(pods(pod(POD), pod(OTHER_POD)));
            }),
        other(
            "a table that was not handed over",
            test -> test.bridge.onNext(BridgeMessage.newBuilder().setOpenerTable(TABLE).build())),
        other(
            "less is said of the process",
            test -> {
              var _ = test.asked(connection(3), answer(NUMBER, candidate("fp:2")));
            }),
        other(
            "another process may have it as well",
            test -> {
              var _ =
                  test.asked(
                      connection(3),
                      answer(NUMBER, candidate("fp:1").setQuality(Quality.QUALITY_EXACT_SHARED)));
            }),
        other(
            "less is said of a connection of the process",
            test -> {
              test.opens(NUMBER, connection(3));
              var _ = test.asked(connection(3), answer(0));
            }),
        other(
            "a connection of the process is said to be another's",
            test -> {
              test.opens(NUMBER, connection(3));
              var _ = test.asked(connection(3), answer(NUMBER + 1, candidate("fp:1")));
            }),
        other(
            "the process is in another network",
            test -> {
              var other = Opener.newBuilder().setNumber(NUMBER).setNetwork(NETWORK + 1);
              var _ = test.asked(connection(3), answer(0, candidate("fp:1")).setOpener(other));
            }));
  }

  private static int word(SocketQuery connection) {
    return (int) OpenerHash.of(SEED, NETWORK, connection.source(), connection.destination())
        & (WORDS - 1);
  }

  private static Arguments other(String what, Consumer<OpenersTest> happens) {
    return Arguments.of(what, happens);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("others")
  void known_since_hasToBeAskedFor(String what, Consumer<OpenersTest> happens) {
    var _ = described();
    opens(NUMBER, connection(2));

    happens.accept(this);

    assertThat(known(connection(2))).as(what).isNull();
  }

  @Test
  void known_secondAfterItWasAskedFor_hasToBeAskedFor() {
    var _ = described();
    opens(NUMBER, connection(2));

    assertThat(hub.known(connection(2), System.nanoTime() + RecentAnswers.KEPT.toNanos())).isNull();
  }

  @Test
  void known_otherPodReporterOrProtocol_hasToBeAskedFor() {
    var _ = described();
    var others =
        List.of(
            connection(OTHER_POD, Samples.CHECKOUT, Protocol.TCP, 2),
            connection(POD, Samples.STRANGER, Protocol.TCP, 2),
            connection(POD, Samples.CHECKOUT, Protocol.UDP, 2));
    others.forEach(other -> opens(NUMBER, other));

    assertThat(others).allSatisfy(other -> assertThat(known(other)).isNull());
  }

  static Stream<Arguments> doubtful() {
    return Stream.of(
        Arguments.of("of this connection alone", answer(0, candidate("fp:1"))),
        Arguments.of("not hashed yet", answer(NUMBER, candidate("fp:2"))),
        Arguments.of("two", answer(NUMBER, candidate("fp:1"), candidate("fp:2"))),
        Arguments.of("a remark", answer(NUMBER, candidate("fp:1")).addReasons("late")),
        Arguments.of("nobody", answer(NUMBER)),
        Arguments.of(
            "no network",
            answer(0, candidate("fp:1")).setOpener(Opener.newBuilder().setNumber(NUMBER))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("doubtful")
  void known_afterADoubtfulAnswer_hasToBeAskedFor(String what, Answer.Builder answer) {
    var _ = asked(connection(1), answer);
    opens(NUMBER, connection(2));

    assertThat(known(connection(2))).as(what).isNull();
  }

  @Test
  void known_bridgeThatHasNotSaidHowItIs_hasToBeAskedFor() {
    var later = new Told();
    bridge = attached(later);
    bridge.onNext(BridgeMessage.newBuilder().setOpenerTable(TABLE).build());
    tables.handedOver(new FakeMap(5, words));
    bridge.onNext(pods(pod(POD)));
    bridge.onNext(
        BridgeMessage.newBuilder()
            .setFingerprint(fingerprint("fp:1", "/usr/bin/checkout").setSha256(HASH))
            .build());
    var asked = hub.ask(connection(1), _ -> {});
    bridge.onNext(
        BridgeMessage.newBuilder()
            .setAnswer(
                answer(NUMBER, candidate("fp:1")).setQueryId(later.queries().getLast().getId()))
            .build());
    assertThat(asked).isDone();
    opens(NUMBER, connection(2));

    assertThat(known(connection(2))).isNull();
    bridge.onNext(status(true));
    assertThat(known(connection(2))).isNotNull();
  }

  @Test
  void known_wordOfZero_isNobody_alsoWhereThatWouldBeAProcess() {
    var connection = connection(2);
    var hash = OpenerHash.of(SEED, NETWORK, connection.source(), connection.destination());
    var number = OpenerHash.at(hash, System.nanoTime() + BOOT_AHEAD);
    var _ = asked(connection(1), answer(number, candidate("fp:1")));
    opens(number, connection);

    assertThat(words[word(connection)]).isZero();
    assertThat(known(connection)).isNull();
  }

  /** A time at which what was answered now is used, and is to be asked about again. */
  private static long later() {
    return System.nanoTime() + RecentAnswers.KEPT.toNanos() / 2;
  }

  @Test
  void known_processInUse_isAskedAboutAgainOnce_andThenIsYoungAgain() {
    var _ = described();
    var tooOld = System.nanoTime() + RecentAnswers.KEPT.toNanos();
    for (var port = 2; port < 5; port++) {
      opens(NUMBER, connection(port));
    }

    assertThat(hub.known(connection(2), later())).isNotNull();
    assertThat(hub.known(connection(3), later())).isNotNull();
    assertThat(told.queries()).hasSize(2);
    assertThat(told.queries().getLast().getSourcePort()).isEqualTo(2);

    answers(answer(NUMBER, candidate("fp:1")));
    assertThat(hub.known(connection(4), tooOld)).isNotNull();
  }

  @Test
  void known_bridgeIsNoMoreSureWhenAskedAgain_hasToBeAskedFor() {
    var _ = described();
    opens(NUMBER, connection(2));
    opens(NUMBER, connection(3));
    assertThat(hub.known(connection(2), later())).isNotNull();

    answers(answer(NUMBER));

    assertThat(known(connection(2))).isNull();
    assertThat(known(connection(3))).isNull();
  }

  @Test
  void known_answerOfTheSameProcessHasChanged_isTheLatest() {
    var before = described();
    bridge.onNext(
        BridgeMessage.newBuilder()
            .setFingerprint(fingerprint("fp:3", "/usr/bin/other").setSha256(HASH))
            .build());
    var after = asked(connection(3), answer(NUMBER, candidate("fp:3")));
    opens(NUMBER, connection(2));

    var known = requireNonNull(known(connection(2)));

    assertThat(known.attribution()).isSameAs(after).isNotSameAs(before);
  }

  @Test
  void answered_moreProcessesThanAPodMayHave_forgetsThoseBefore() {
    for (var i = 0; i < Openers.MAX_OF_POD; i++) {
      var _ = asked(connection(1), answer(NUMBER + i, candidate("fp:1")));
    }
    opens(NUMBER, connection(2));
    assertThat(known(connection(2))).isNotNull();

    var _ = asked(connection(1), answer(NUMBER - 1, candidate("fp:1")));
    opens(NUMBER, connection(3));
    opens(NUMBER - 1, connection(4));

    assertThat(known(connection(3))).isNull();
    assertThat(known(connection(4))).isNotNull();
  }

  @Test
  void answered_moreProcessesThanAStreamMayHave_forgetsAll() {
    var pods =
        IntStream.rangeClosed(0, Openers.MAX / Openers.MAX_OF_POD)
            .mapToObj(i -> new RegisteredPod("net:[" + i + "]", List.of(), Set.of(), PodFacts.NONE))
            .toList();
    var openers = new Openers();
    openers.registers(pods);
    openers.read(TABLE, SharedWords.of(MemorySegment.ofArray(words)));
    var attribution = described();
    opens(NUMBER, connection(2));
    var last = pods.getLast();
    for (var pod : pods.subList(0, pods.size() - 1)) {
      for (var i = 0; i < Openers.MAX_OF_POD; i++) {
        var opener = Opener.newBuilder().setNumber(NUMBER + i).setNetwork(NETWORK).build();
        openers.answered(pod, connection(1), attribution, opener, now);
      }
    }
    assertThat(openers.find(pods.getFirst(), connection(2), now)).isNotNull();

    var opener = Opener.newBuilder().setNumber(NUMBER).setNetwork(NETWORK).build();
    openers.answered(last, connection(1), attribution, opener, now);
    assertThat(openers.find(pods.getFirst(), connection(2), now)).isNull();

    openers.answered(last, connection(1), attribution, opener, now);
    assertThat(openers.find(last, connection(2), now)).isNotNull();
  }

  private List<Connection> told(int most) {
    Await.until(
        "the bridge is told",
        () -> told.unasked().stream().mapToInt(Unasked::getConnectionsCount).sum() >= most);
    return told.unasked().stream().map(Unasked::getConnectionsList).flatMap(List::stream).toList();
  }

  @Test
  void known_withoutAQuestion_bridgeIsToldOfTheConnection() {
    var _ = described();
    opens(NUMBER, connection(2));
    var _ = known(connection(2));
    var _ = known(connection(2)); // from memory

    assertThat(told(1))
        .singleElement()
        .satisfies(
            one -> {
              assertThat(one.getPodId()).isEqualTo("net:[" + POD + "]");
              assertThat(one.getSourceAddress().toByteArray()).containsExactly(10, 88, 1, 2);
              assertThat(one.getSourcePort()).isEqualTo(2);
              assertThat(one.getDestinationAddress().toByteArray()).containsExactly(10, 88, 2, 10);
              assertThat(one.getDestinationPort()).isEqualTo(5432);
            });
  }

  static Stream<Arguments> ends() {
    return Stream.of(
        other("is cut", test -> test.bridge.onError(new IOException())),
        other("is completed", test -> test.bridge.onCompleted()),
        other("is taken over", _ -> {}),
        other(
            "goes on, as the next ends before it has pods, and is cut then",
            test -> {
              var next = test.attached(new Told());
              var _ = test.attached(new Told()); // in place of that one
              next.onNext(pods(pod(POD))); // what was on its way
              test.bridge.onError(new IOException());
            }),
        other(
            "is cut, and the next before it has pods",
            test -> {
              test.bridge.onError(new IOException());
              test.attached(new Told()).onError(new IOException());
            }));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ends")
  void unasked_streamEndsBeforeItIsTold_nextOneIs(String what, Consumer<OpenersTest> ends) {
    var _ = described();
    opens(NUMBER, connection(2));
    assertThat(hub.known(connection(2), now + RecentAnswers.KEPT.toNanos() / 4)).isNotNull();

    ends.accept(this);
    var later = new Told();
    attached(later).onNext(pods(pod(POD)));

    Await.until("a bridge is told", () -> told.unasked().size() + later.unasked().size() > 0);
    assertThat(Stream.concat(told.unasked().stream(), later.unasked().stream()))
        .singleElement()
        .satisfies(one -> assertThat(one.getConnections(0).getSourcePort()).isEqualTo(2));
  }

  @Test
  void unasked_moreThanAMessageMayHave_areSeveral() {
    var pod = new RegisteredPod("net:[1]", List.of(), Set.of(), PodFacts.NONE);
    var messages = new ArrayList<ServerMessage>();
    var unasked = new UnaskedConnections(deadlines, messages::add);
    var never = System.nanoTime() + Duration.ofHours(1).toNanos();
    for (var i = 0; i <= UnaskedConnections.MAX_WAITING; i++) {
      unasked.add(pod, connection(1 + i), never);
    }

    unasked.tell();

    assertThat(messages)
        .extracting(message -> message.getUnasked().getConnectionsCount())
        .startsWith(1_024, 1_024)
        .endsWith(UnaskedConnections.MAX_WAITING % 1_024)
        .satisfies(
            counts ->
                assertThat(counts.stream().mapToInt(count -> count).sum())
                    .isEqualTo(UnaskedConnections.MAX_WAITING));
    assertThat(messages.getFirst().getUnasked().getConnections(0).getSourcePort()).isEqualTo(2);
  }

  @Test
  void unasked_asManyAsAMessageMayHave_areToldAtOnce() {
    var pod = new RegisteredPod("net:[1]", List.of(), Set.of(), PodFacts.NONE);
    var messages = new CopyOnWriteArrayList<ServerMessage>();
    var unasked = new UnaskedConnections(deadlines, messages::add);
    unasked.add(pod, connection(1), System.nanoTime() + Duration.ofHours(1).toNanos());
    for (var i = 1; i < UnaskedConnections.MAX_IN_MESSAGE; i++) {
      unasked.add(pod, connection(1 + i), System.nanoTime());
    }

    Await.until("the bridge is told", () -> !messages.isEmpty());

    assertThat(messages)
        .singleElement()
        .satisfies(
            message ->
                assertThat(message.getUnasked().getConnectionsCount())
                    .isEqualTo(UnaskedConnections.MAX_IN_MESSAGE));
  }

  @Test
  void unasked_toldEarly_isNotToldMoreOftenForThat() {
    var pod = new RegisteredPod("net:[1]", List.of(), Set.of(), PodFacts.NONE);
    var messages = new CopyOnWriteArrayList<ServerMessage>();
    var unasked = new UnaskedConnections(deadlines, messages::add);
    var hour = Duration.ofHours(1).toNanos();
    unasked.add(pod, connection(1), System.nanoTime() + hour);
    for (var i = 1; i < UnaskedConnections.MAX_IN_MESSAGE; i++) {
      unasked.add(pod, connection(1 + i), System.nanoTime());
    }
    Await.until("the bridge is told", () -> !messages.isEmpty());

    unasked.add(pod, connection(1), System.nanoTime() - hour);
    untilDeadlinesAreTold();

    assertThat(messages).as("the first of them says when they are told").hasSize(1);
  }

  /** All that are due by now. */
  private void untilDeadlinesAreTold() {
    var told = new AtomicBoolean();
    var due = System.nanoTime();
    deadlines.add(
        new Deadlines.Entry() {
          @Override
          public long deadlineNanos() {
            return due;
          }

          @Override
          public boolean isDone() {
            return false;
          }

          @Override
          public void expire() {
            told.set(true);
          }
        });
    Await.until("it is told", told::get);
  }

  @Test
  void attach_welcomeSaysWhetherATableIsRead() {
    var other = new Told();
    var stream = service.attach(Samples.peer(BRIDGE, "10.1.0.1"), other, () -> true);
    stream.onNext(
        BridgeMessage.newBuilder()
            .setHello(Hello.newBuilder().setProtocolVersion(1).setNode("node-2"))
            .build());

    assertThat(told.messages.getFirst().getWelcome().getReadsOpeners()).isTrue();
    assertThat(other.messages.getFirst().getWelcome().getReadsOpeners()).isFalse();
  }

  /** Whether the bridge's stream reads a table. */
  private boolean reads() {
    var _ = described();
    opens(NUMBER, connection(2));
    return known(connection(2)) != null;
  }

  private void names(OpenerTable table) {
    bridge.onNext(BridgeMessage.newBuilder().setOpenerTable(table).build());
  }

  @Test
  void name_mapThatWasHandedOverBefore_isRead_andItsDescriptorClosed() {
    var map = new FakeMap(6, words);
    tables.handedOver(map);
    names(TABLE.toBuilder().setMapId(6).build());

    assertThat(reads()).isTrue();
    assertThat(map.closed).isTrue();
  }

  @Test
  void name_otherMapThanTheOneHandedOver_isNotRead() {
    names(TABLE.toBuilder().setMapId(6).build());
    tables.handedOver(new FakeMap(7, words));

    assertThat(reads()).isFalse();
  }

  @Test
  void name_mapOfAnotherSize_isNotRead() {
    names(TABLE.toBuilder().setMapId(6).build());
    var map = new FakeMap(6, new long[2 * WORDS]);
    tables.handedOver(map);

    assertThat(reads()).isFalse();
    assertThat(map.closed).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 1_023, 1_025, 1 << 25, -1, 1 << 31})
  void name_sizeThatCannotBe_isNotRead(int size) {
    names(TABLE.toBuilder().setMapId(6).setWords(size).build());
    tables.handedOver(new FakeMap(6, words));

    assertThat(reads()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2 * WORDS})
  void name_mapThatDoesNotCome_orCannotBeRead_isWantedOnceMore(int size) {
    names(TABLE.toBuilder().setMapId(6).build());
    if (size > 0) {
      tables.handedOver(new FakeMap(6, new long[size]));
    }
    Await.until(
        "it is wanted", () -> told.messages.stream().anyMatch(ServerMessage::hasOpenersWanted));
    assertThat(reads()).isFalse();

    names(TABLE.toBuilder().setMapId(6).build());
    tables.handedOver(new FakeMap(6, words));

    assertThat(reads()).isTrue();
  }

  /** It was held until its next turn, which is up to five minutes ahead. */
  @Test
  void ended_streamWhoseMapDidNotCome_isNotHeld() {
    var turns = new ArrayList<Runnable>();
    try (var its = new OpenerTables(Runnable::run, _ -> turns::add)) {
      var ended = endedIn(its);

      Await.until(
          "it is not held",
          () -> {
            System.gc();
            return ended.refersTo(null);
          });

      assertThat(turns).hasSize(1);
      turns.getFirst().run();
      assertThat(turns).as("it has no turn any more").hasSize(1);
    }
  }

  private static WeakReference<Openers> endedIn(OpenerTables tables) {
    var openers = new Openers();
    tables.name(TABLE, openers, openers::readNone);
    tables.ended(openers);
    return new WeakReference<>(openers);
  }

  @Test
  void handedOver_mapsThatNobodyNames_theEldestIsClosed() {
    var maps = new ArrayList<FakeMap>();
    for (var i = 0; i <= OpenerTables.MAX_WAITING; i++) {
      maps.add(new FakeMap(100 + i, words));
      tables.handedOver(maps.getLast());
    }

    assertThat(maps.getFirst().closed).isTrue();
    assertThat(maps.subList(1, maps.size())).noneMatch(map -> map.closed);
    tables.close();
    assertThat(maps).allMatch(map -> map.closed);
  }
}
