package io.kith.server.bridge;

import static io.kith.server.bridge.FakeBridge.candidate;
import static io.kith.server.bridge.FakeBridge.fingerprint;
import static io.kith.server.bridge.FakeBridge.pod;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.grpc.Attributes;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Attribution.BridgeUnavailable;
import io.kith.baselines.process.Attribution.Unattributed;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.DnsAnswer;
import io.kith.bridge.v1.DnsAnswers;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Pod;
import io.kith.server.check.Await;
import io.kith.server.check.Deadlines;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Peer;
import io.kith.server.check.RunningPod;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BridgeHubTest {
  private static final SpiffeId BRIDGE =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");
  private static final Duration LONG = Duration.ofSeconds(60);

  private final Deadlines deadlines = new Deadlines();
  private final NodeBridges nodes = new NodeBridges();
  private final Places places = new Places();
  private final BridgeHub hub = new BridgeHub(deadlines, nodes, places, () -> this.now, Level.INFO);
  private final List<ManagedChannel> channels = new ArrayList<>();
  private volatile Peer peer = Samples.peer(BRIDGE, "10.1.0.1");
  private volatile Instant now = Instant.EPOCH;
  private Server server;

  /** Says on which node an address is, and nothing else. */
  private static final class Places implements WorkloadDirectory {
    private final Map<IpAddress, String> ofPods = new ConcurrentHashMap<>();
    private final Map<IpAddress, String> ofNodes = new ConcurrentHashMap<>();

    void pod(String address, String node) {
      ofPods.put(IpAddress.parse(address), node);
    }

    void node(String address, String node) {
      ofNodes.put(IpAddress.parse(address), node);
    }

    @Override
    public @Nullable String nodeOf(IpAddress pod) {
      return ofPods.get(pod);
    }

    @Override
    public @Nullable String nodeAt(IpAddress address) {
      return ofNodes.get(address);
    }

    @Override
    public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
      return null;
    }

    @Override
    public @Nullable Workload at(IpAddress address) {
      return null;
    }

    @Override
    public @Nullable Workload named(String name) {
      return null;
    }

    @Override
    public Collection<Workload> all() {
      return List.of();
    }
  }

  @BeforeEach
  void start() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .directExecutor()
            .addTransportFilter(
                new ServerTransportFilter() {
                  @Override
                  public Attributes transportReady(Attributes attributes) {
                    return attributes.toBuilder().set(Peer.KEY, peer).build();
                  }
                })
            .addService(
                new BridgeService(
                        hub, List.of(SpiffeIdPattern.parse(BRIDGE.toString())), "test", clock())
                    .definition())
            .build()
            .start();
  }

  private InstantSource clock() {
    return () -> now;
  }

  @AfterEach
  void stop() {
    channels.forEach(ManagedChannel::shutdownNow);
    server.shutdownNow();
    deadlines.close();
  }

  private ManagedChannel channel() {
    var channel =
        NettyChannelBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getPort()))
            .usePlaintext()
            .build();
    channels.add(channel);
    return channel;
  }

  private FakeBridge attached(String node) {
    return FakeBridge.attached(channel(), node);
  }

  /** A bridge that holds one pod. */
  private FakeBridge holding(String node, String address, String... ids) {
    var bridge = attached(node);
    bridge.registers(pod(address, ids));
    Await.until("the pod is registered", () -> pods(node) == 1);
    return bridge;
  }

  private int pods(String node) {
    return hub.statuses().stream()
        .filter(status -> status.node().equals(node))
        .mapToInt(BridgeStatus::pods)
        .sum();
  }

  private static SocketQuery about(String source, String node, Duration timeout) {
    return about(source, node, "", timeout);
  }

  private static SocketQuery about(
      String source, String node, String connection, Duration timeout) {
    return new SocketQuery(
        node,
        Protocol.TCP,
        new SocketEnd(IpAddress.parse(source), 1234),
        new SocketEnd(IpAddress.parse("10.88.2.10"), 5432),
        Samples.CHECKOUT,
        connection,
        timeout);
  }

  private CompletableFuture<Attribution> ask(String source, String node) {
    return hub.ask(about(source, node, LONG), _ -> {});
  }

  private static Attribution soon(CompletableFuture<Attribution> answer) {
    try {
      return answer.get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void ask_podOfABridge_isAnsweredByIt() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(
        fingerprint("fp:1", "/usr/bin/checkout").setSha256("ab".repeat(32)).setUid(1000).build());

    var answer = ask("10.88.1.2", "node-1");
    var query = bridge.nextQuery();
    bridge.answers(query, candidate("fp:1"));

    assertThat(query.getSpiffeId()).as("no bridge needs it, and it may be long").isEmpty();
    assertThat(query.getSourceAddress().toByteArray()).containsExactly(10, 88, 1, 2);
    assertThat(query.getSourcePort()).isEqualTo(1234);
    assertThat(query.getDestinationPort()).isEqualTo(5432);
    assertThat(query.getTimeoutMillis()).isEqualTo(60_000);
    var attributed = (Attributed) soon(answer);
    assertThat(attributed.rung()).isEqualTo(Rung.KERNEL_EXACT);
    assertThat(attributed.candidates())
        .singleElement()
        .satisfies(
            found -> {
              assertThat(found.fingerprint().path()).isEqualTo("/usr/bin/checkout");
              assertThat(found.fingerprint().sha256()).isEqualTo("ab".repeat(32));
              assertThat(found.fingerprint().origin()).isEqualTo(Origin.IMAGE);
              assertThat(found.quality()).isEqualTo(Quality.EXACT);
              assertThat(found.attested()).isEmpty();
            });
  }

  @Test
  void ask_twiceTheSameProcess_givesTheSameAnswer() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var first = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1"));
    var second = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1"));

    assertThat(soon(second)).isInstanceOf(Attributed.class).isSameAs(soon(first));
  }

  /** Asks until the answer comes from memory, since that lasts for a second only. */
  private Attribution answeredAgain(FakeBridge bridge, String connection) {
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").setSha256("ab".repeat(32)).build());
    var query = about("10.88.1.2", "", connection, LONG);
    for (var i = 0; i < 100; i++) {
      var asked = hub.ask(query, _ -> {});
      bridge.answers(bridge.nextQuery(), candidate("fp:1"));
      var _ = soon(asked);
      var known = hub.known(query, System.nanoTime());
      if (known != null) {
        hub.used(known);
        return known.attribution();
      }
    }
    throw new AssertionError("the bridge was asked each time");
  }

  @Test
  void known_connectionAnsweredAMomentAgo_isAnsweredFromMemory() {
    var bridge = holding("node-1", "10.88.1.2");

    var again = answeredAgain(bridge, "7");

    assertThat(again).isInstanceOf(Attributed.class);
    assertThat(hub.counts().reusedTotal()).isPositive();
  }

  /** One that waited in a queue counted as one of the moment in which it came. */
  @Test
  void known_answerThatCameLongAfterItWasAskedFor_isAsOldAsTheQuestion() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").setSha256("ab".repeat(32)).build());
    var query = about("10.88.1.2", "", "7", LONG);
    var answer = hub.ask(query, _ -> {});
    var asked = System.nanoTime();

    bridge.answers(bridge.nextQuery(), candidate("fp:1"));
    var _ = soon(answer);

    assertThat(hub.known(query, asked + RecentAnswers.KEPT.toNanos())).isNull();
  }

  /** A time at which what was answered now is used, and is to be asked about again. */
  private static long later() {
    return System.nanoTime() + RecentAnswers.KEPT.toNanos() / 2;
  }

  @Test
  void known_connectionInUse_isAskedAboutAgainOnce() {
    var bridge = holding("node-1", "10.88.1.2");
    var _ = answeredAgain(bridge, "7");
    var query = about("10.88.1.2", "", "7", LONG);

    assertThat(hub.known(query, later())).isNotNull();
    assertThat(hub.known(query, later())).isNotNull();
    var again = bridge.nextQuery();
    var _ = ask("10.88.1.2", "");

    assertThat(again.getSourcePort()).isEqualTo(query.source().port());
    assertThat(bridge.nextQuery().getId()).isEqualTo(again.getId() + 1);
  }

  @Test
  void known_bridgeIsNoMoreSureWhenAskedAgain_isNothing() {
    var bridge = holding("node-1", "10.88.1.2");
    var _ = answeredAgain(bridge, "7");
    var query = about("10.88.1.2", "", "7", LONG);

    var now = System.nanoTime();

    var before = hub.known(query, later());
    bridge.answers(bridge.nextQuery());

    assertThat(before).isNotNull();
    Await.until("it is forgotten", () -> hub.known(query, now) == null);
  }

  @Test
  void known_afterThePodsWereToldAnew_isNothing() {
    var bridge = holding("node-1", "10.88.1.2");
    var _ = answeredAgain(bridge, "7");
    bridge.registers(pod("10.88.1.2"), pod("10.88.1.3"));
    Await.until("the pods are registered", () -> pods("node-1") == 2);

    assertThat(hub.known(about("10.88.1.2", "", "7", LONG), System.nanoTime())).isNull();
  }

  @Test
  void known_afterTheBridgeAttachedAgain_isNothing() {
    var _ = answeredAgain(holding("node-1", "10.88.1.2"), "7");
    var newer = attached("node-1");
    newer.registers(pod("10.88.1.2"), pod("10.88.1.3"));
    Await.until("the pods are registered", () -> pods("node-1") == 2);

    assertThat(hub.known(about("10.88.1.2", "", "7", LONG), System.nanoTime())).isNull();
  }

  @Test
  void ask_wrongNode_isAnsweredByTheBridgeThatHasThePod() {
    var _ = attached("node-1");
    var second = holding("node-2", "10.88.1.2");
    second.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var answer = ask("10.88.1.2", "node-1");
    second.answers(second.nextQuery(), candidate("fp:1"));

    assertThat(soon(answer)).isInstanceOf(Attributed.class);
  }

  @Test
  void ask_nobodyHasThePod_saysSo() {
    var _ = attached("node-1");

    assertThat(soon(ask("10.88.1.9", "")))
        .isEqualTo(new BridgeUnavailable("no bridge has registered 10.88.1.9"));
    assertThat(soon(ask("10.88.1.9", "node-1")))
        .isEqualTo(
            new BridgeUnavailable(
                "no bridge has registered 10.88.1.9 (the bridge of node-1 is attached)"));
    assertThat(soon(ask("10.88.1.9", "node-2")))
        .isEqualTo(
            new BridgeUnavailable(
                "no bridge has registered 10.88.1.9 (no bridge of node-2 is attached)"));
  }

  @Test
  void ask_silentBridge_isUnavailableAfterTheTimeout() {
    var bridge = holding("node-1", "10.88.1.2");

    var answer = hub.ask(about("10.88.1.2", "", Duration.ofMillis(30)), _ -> {});

    assertThat(soon(answer))
        .isEqualTo(new BridgeUnavailable("the bridge of node-1 did not answer within 30 ms"));
    assertThat(hub.counts().timedOutTotal()).isEqualTo(1);
    bridge.answers(bridge.nextQuery(), candidate("fp:1"));
    Await.until("the late answer is counted", () -> hub.counts().lateTotal() == 1);
  }

  @Test
  void ask_silentBridgeThatAnswersLater_isToldToWhoAsked() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    var late = new CompletableFuture<Attribution>();
    var answer = hub.ask(about("10.88.1.2", "", Duration.ofMillis(30)), late::complete);
    assertThat(soon(answer)).isInstanceOf(BridgeUnavailable.class);

    bridge.answers(bridge.nextQuery(), candidate("fp:1"));

    assertThat(soon(late)).isInstanceOf(Attributed.class);
    assertThat(soon(answer)).isInstanceOf(BridgeUnavailable.class);
    assertThat(hub.counts().lateTotal()).isEqualTo(1);
  }

  @Test
  void ask_questionsWhoseTimeIsUp_areRememberedUpToALimitAndForAWhile() {
    var questions = new Questions("node-1", hub.counts());
    var pod = new RegisteredPod("net:[1]", List.of(), Set.of(), PodFacts.NONE);
    for (var i = 0; i <= Questions.MAX_OVERDUE; i++) {
      questions.add(about("10.88.1.2", "", Duration.ZERO), pod, _ -> {}).expire();
    }
    var longAgo = Questions.OVERDUE.plusSeconds(1).negated();
    questions.add(about("10.88.1.2", "", longAgo), pod, _ -> {}).expire();
    var last = Questions.MAX_OVERDUE + 2L;

    assertThat(questions.size()).isZero();
    assertThat(questions.find(2)).isNull(); // pushed out by the last two
    assertThat(questions.find(3)).isNotNull();
    assertThat(questions.find(3)).isNull(); // once
    assertThat(questions.find(last - 1)).isNotNull();
    assertThat(questions.find(last)).isNull();
  }

  private CompletableFuture<Attribution> askFor(Duration timeout) {
    return hub.ask(about("10.88.1.2", "", timeout), _ -> {});
  }

  @Test
  void ask_bridgeGone_isAskedOfTheOneThatTakesOver_fromAnotherAddress() {
    var first = holding("node-1", "10.88.1.2");
    var before = ask("10.88.1.2", "");
    var _ = first.nextQuery();
    first.cut();
    Await.until("it is detached", () -> hub.statuses().isEmpty());
    var between = ask("10.88.1.2", "");
    assertThat(between).isNotDone();

    peer = Samples.peer(BRIDGE, "10.1.0.2");
    var second = attached("node-1");
    assertThat(before).as("nothing is answered by who has not registered the pod").isNotDone();
    second.registers(pod("10.88.1.2"));
    second.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    for (var _ : List.of(before, between)) {
      second.answers(second.nextQuery(), candidate("fp:1"));
    }

    assertThat(soon(before)).isInstanceOf(Attributed.class);
    assertThat(soon(between)).isInstanceOf(Attributed.class);
  }

  @Test
  void ask_bridgeGone_andAnotherThatDoesNotHaveThePod_isUnavailable() {
    holding("node-1", "10.88.1.2").cut();
    Await.until("it is detached", () -> hub.statuses().isEmpty());
    var answer = askFor(Duration.ofMillis(300));

    var _ = holding("node-1", "10.88.1.3");

    assertThat(soon(answer))
        .isEqualTo(
            new BridgeUnavailable(
                "no bridge has registered 10.88.1.2, and none took its place within 300 ms"));
  }

  @Test
  void ask_bridgeGone_andNoneComes_isUnavailableWithinItsOwnTime() {
    var bridge = holding("node-1", "10.88.1.2");
    var answers = new ArrayList<CompletableFuture<Attribution>>();
    for (var i = 0; i < 100; i++) {
      answers.add(askFor(Duration.ofMillis(200)));
    }

    bridge.cut();

    assertThat(answers)
        .allSatisfy(
            answer ->
                assertThat(((BridgeUnavailable) soon(answer)).why())
                    .startsWith("the bridge of node-1 "));
    Await.until("it is detached", () -> hub.statuses().isEmpty());
    assertThat(soon(askFor(Duration.ofMillis(1))))
        .isEqualTo(
            new BridgeUnavailable(
                "no bridge has registered 10.88.1.2, and none took its place within 1 ms"));
  }

  /** So many questions with an ID of the greatest length, whose answers are not waited for long. */
  private void askMuch(int questions) {
    var id = SpiffeId.parse("spiffe://dev.kith.local/" + "a".repeat(2_024));
    var query = about("10.88.1.2", "", Duration.ofMillis(1));
    for (var i = 0; i < questions; i++) {
      var _ =
          hub.ask(
              new SocketQuery(
                  query.node(),
                  query.protocol(),
                  query.source(),
                  query.destination(),
                  id,
                  "",
                  query.timeout()),
              _ -> {});
    }
  }

  private FakeBridge deaf() {
    var bridge = FakeBridge.deaf(channel(), "node-1");
    bridge.registers(pod("10.88.1.2"));
    Await.until("the pod is registered", () -> pods("node-1") == 1);
    return bridge;
  }

  /** What it does not read was kept without a bound. */
  @Test
  void ask_bridgeThatDoesNotRead_endsItsStream_andTheNextIsAsked() {
    var deaf = deaf();

    var answer = ask("10.88.1.2", "");
    Await.until(
        "its stream has ended",
        () -> {
          askMuch(2_000);
          return hub.statuses().isEmpty();
        });
    var next = attached("node-1");
    next.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    next.registers(pod("10.88.1.2"));
    var query = next.nextQuery();
    while (query.getTimeoutMillis() == 1) {
      query = next.nextQuery();
    }
    next.answers(query, candidate("fp:1"));

    assertThat(soon(answer)).isInstanceOf(Attributed.class);
    deaf.reads();
    assertThat(deaf.ended().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(deaf.ended().getDescription())
        .isEqualTo("the bridge does not read: 8 MiB wait for it (attach again)");
  }

  /** With long IDs they were more than may wait in a stream, which ended. */
  @Test
  void ask_bridgeThatReadsLate_getsEveryQuestion() {
    var bridge = deaf();

    askMuch(Questions.MAX_WAITING);
    bridge.reads();

    for (var i = 1; i <= Questions.MAX_WAITING; i++) {
      assertThat(bridge.nextQuery().getId()).isEqualTo(i);
    }
    assertThat(pods("node-1")).isEqualTo(1);
  }

  private static DnsAnswer told(String pod) {
    return DnsAnswer.newBuilder()
        .setPodId("net:[" + pod + "]")
        .setName("api.example.com")
        .addAddresses(ByteString.copyFrom(IpAddress.parse("198.18.1.1").bytes()))
        .setTtlSeconds(30)
        .build();
  }

  private Set<String> namesOf(String pod) {
    return hub.names(IpAddress.parse(pod), IpAddress.parse("198.18.1.1"), Set.of());
  }

  /** A bridge of two pods that were told a name. */
  private FakeBridge hearing(String one, String other) {
    var bridge = attached("node-1");
    bridge.registers(pod(one), pod(other));
    bridge.send(
        BridgeMessage.newBuilder()
            .setDnsAnswers(DnsAnswers.newBuilder().addAnswers(told(one)).addAnswers(told(other)))
            .build());
    Await.until("it is heard", () -> !namesOf(other).isEmpty());
    return bridge;
  }

  /** The next bridge was not there to hear it, and programs resolve once and connect for hours. */
  @Test
  void names_ofABridgeThatWent_holdUnderTheNext_forPodsThatAreTheSame() {
    var first = hearing("10.88.1.2", "10.88.1.3");
    first.cut();
    Await.until("it is detached", () -> hub.statuses().isEmpty());

    peer = Samples.peer(BRIDGE, "10.1.0.2");
    var second = attached("node-1");
    second.registers(
        pod("10.88.1.2"),
        pod("10.88.1.3").toBuilder().clearAddresses().addAddresses(bytes("10.88.1.4")).build());
    Await.until("both pods", () -> pods("node-1") == 2);

    assertThat(namesOf("10.88.1.2")).containsExactly("api.example.com");
    assertThat(namesOf("10.88.1.4")).as("another pod with the same id").isEmpty();
    var elsewhere = attached("node-2");
    second.cut();
    Await.until("it is detached, too", () -> hub.statuses().size() == 1);
    elsewhere.registers(pod("10.88.1.2"));
    Await.until("another node has it", () -> pods("node-2") == 1);
    assertThat(namesOf("10.88.1.2")).as("of another node").isEmpty();
  }

  /** The end of a stream may be noticed late, or not before the next one has the pods. */
  @Test
  void names_ofABridgeThatEndsOnceTheNextIsThere_holdUnderTheNext() {
    var first = hearing("10.88.1.2", "10.88.1.3");
    var second = attached("node-1");
    first.cut();
    Await.until("it is detached", () -> namesOf("10.88.1.2").isEmpty());
    second.registers(pod("10.88.1.2"), pod("10.88.1.3"));
    Await.until("both pods", () -> pods("node-1") == 2);
    assertThat(namesOf("10.88.1.2")).containsExactly("api.example.com");

    var third = attached("node-1");
    third.registers(pod("10.88.1.2"));
    Await.until("one pod", () -> pods("node-1") == 1);

    assertThat(namesOf("10.88.1.2")).containsExactly("api.example.com");
    assertThat(second.ended().getCode()).isEqualTo(Status.Code.ABORTED);
  }

  /** Who takes the name of a node from elsewhere may have told what it likes. */
  @Test
  void names_ofABridgeFromElsewhere_doNotHoldUnderTheOneOfTheNode() {
    places.node("192.0.2.1", "node-1");
    var _ = hearing("10.88.1.2", "10.88.1.3");

    var own = attachedFrom("192.0.2.1", "node-1");
    own.registers(pod("10.88.1.2"));
    Await.until("one pod", () -> pods("node-1") == 1);

    assertThat(namesOf("10.88.1.2")).isEmpty();
  }

  private static ByteString bytes(String address) {
    return ByteString.copyFrom(IpAddress.parse(address).bytes());
  }

  @Test
  void ask_podThatItsBridgeDoesNotListAnyMore_isUnavailableAtOnce() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.registers(pod("10.88.1.3"));
    Await.until("the pod is gone", () -> hub.running(IpAddress.parse("10.88.1.2")) == null);

    assertThat(ask("10.88.1.2", ""))
        .isCompletedWithValue(new BridgeUnavailable("no bridge has registered 10.88.1.2"));
  }

  @Test
  void ask_answerToAnotherQuestion_isNotTaken() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var answer = ask("10.88.1.2", "");
    var query = bridge.nextQuery();
    bridge.answers(query.toBuilder().setId(query.getId() + 1).build(), candidate("fp:1"));
    Await.until("it is counted", () -> hub.counts().lateTotal() == 1);

    assertThat(answer).isNotDone();
  }

  @Test
  void ask_manyAtOnce_areAnsweredEachItsOwn() {
    var bridge = holding("node-1", "10.88.1.2");
    for (var i = 0; i < 200; i++) {
      bridge.describes(fingerprint("fp:" + i, "/usr/bin/p" + i).build());
    }
    var answers = IntStream.range(0, 200).parallel().mapToObj(_ -> ask("10.88.1.2", "")).toList();

    for (var i = 0; i < 200; i++) {
      var query = bridge.nextQuery();
      bridge.answers(query, candidate("fp:" + (query.getId() - 1)));
    }

    assertThat(answers.stream().map(BridgeHubTest::soon))
        .extracting(answer -> ((Attributed) answer).candidates().getFirst().fingerprint().path())
        .doesNotHaveDuplicates();
  }

  /** What is kept of a stream is bounded by number. */
  @Test
  void ask_fingerprintWithALongId_isNotKept() {
    var bridge = holding("node-1", "10.88.1.2");
    var id = "fp:" + "0".repeat(62);
    bridge.describes(fingerprint(id, "/usr/bin/checkout").build());

    var answer = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate(id));

    assertThat(soon(answer)).isInstanceOf(Unattributed.class);
  }

  /** And by octets: each may be long. */
  @Test
  void attach_longFingerprints_endTheStreamBeforeTheyAreMany() {
    var bridge = holding("node-1", "10.88.1.2");
    var described = fingerprint("fp:1", "/usr/bin/checkout");
    for (var i = 0; i < 900; i++) {
      described.addInjectedMappings("m".repeat(4_000));
    }

    for (var i = 0; i < 20; i++) {
      bridge.describes(described.build());
    }

    assertThat(bridge.ended().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(bridge.ended().getDescription())
        .isEqualTo("more than 65536 fingerprints or 64 MiB of them on one stream (attach again)");
  }

  private static List<String> ids(int count, int length) {
    return IntStream.range(0, count)
        .mapToObj(i -> "spiffe://dev.kith.local/" + i + "/")
        .map(id -> id + "a".repeat(length - id.length()))
        .toList();
  }

  /** A process has a few, and each is kept with what was said of its connections. */
  @Test
  void ask_processOfMoreIdsThanOneCanHave_isUnattributedWithWords() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var many = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1").addAllSpiffeIds(ids(64, 100)));
    var tooMany = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1").addAllSpiffeIds(ids(65, 100)));

    assertThat(((Attributed) soon(many)).candidates().getFirst().attested()).hasSize(64);
    assertThat(soon(tooMany))
        .isEqualTo(
            new Unattributed(
                Rung.KERNEL_EXACT,
                List.of("the bridge attests a process by 65 SPIFFE IDs (expected: at most 64)")));
  }

  /** Of each candidate on its own they are few octets. */
  @Test
  void ask_processesOfManyLongIds_endTheStreamBeforeTheyAreMany() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    var ofOne = 63 * (2_048 + 100L) + 24 + 3 + 100; // with the objects
    var most = Fingerprints.MAX_OCTETS / ofOne + 1;

    for (var i = 0; i < most; i++) {
      assertThat(hub.statuses()).hasSize(1);
      var answer = ask("10.88.1.2", "");
      bridge.answers(
          bridge.nextQuery(),
          candidate("fp:1")
              .addSpiffeIds("spiffe://dev.kith.local/" + i)
              .addAllSpiffeIds(ids(63, 2_048)));
      assertThat(soon(answer)).isInstanceOf(Attributed.class);
    }

    assertThat(bridge.ended().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
  }

  @Test
  void ask_unknownFingerprint_isUnattributed() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var answer = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1"), candidate("fp:other"));

    assertThat(soon(answer))
        .isEqualTo(
            new Unattributed(
                Rung.KERNEL_EXACT,
                List.of("the bridge named a fingerprint that it never described: 'fp:other'")));
  }

  @Test
  void ask_fingerprintWithABadHash_isUnattributed() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").setSha256("ABC").build());

    var answer = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1"));

    assertThat(soon(answer))
        .isEqualTo(
            new Unattributed(
                Rung.KERNEL_EXACT,
                List.of(
                    "the bridge's fingerprint 'fp:1' is not valid: sha256: 'ABC' (expected: 64"
                        + " lower-case hex digits)")));
  }

  @Test
  void ask_unknownEnums_areTheWeakest() {
    var bridge = holding("node-1", "10.88.1.2");
    bridge.describes(
        fingerprint("fp:1", "/usr/bin/checkout").setOriginValue(99).setEntryKindValue(99).build());

    var answer = ask("10.88.1.2", "");
    bridge.answers(
        Answer.newBuilder()
            .setQueryId(bridge.nextQuery().getId())
            .setRungValue(99)
            .addCandidates(candidate("fp:1").setQualityValue(99)));

    var attributed = (Attributed) soon(answer);
    assertThat(attributed.rung()).isEqualTo(Rung.NONE);
    assertThat(attributed.candidates().getFirst().quality()).isEqualTo(Quality.UNKNOWN);
    assertThat(attributed.candidates().getFirst().fingerprint().origin()).isEqualTo(Origin.UNKNOWN);
    assertThat(attributed.candidates().getFirst().fingerprint().entryKind())
        .isEqualTo(EntryKind.UNKNOWN);
  }

  @Test
  void ask_nothingKnown_isUnattributedWithTheBridgesWords() {
    var bridge = holding("node-1", "10.88.1.2");

    var answer = ask("10.88.1.2", "");
    bridge.answers(
        Answer.newBuilder()
            .setQueryId(bridge.nextQuery().getId())
            .setRung(io.kith.bridge.v1.Rung.RUNG_DIAG)
            .addReasons("no conntrack\u001b entry"));

    assertThat(soon(answer)).isEqualTo(new Unattributed(Rung.DIAG, List.of("no conntrack? entry")));
  }

  @Test
  void ask_podAttestedAsAnother_isAnIdentityMismatch_alsoForAnUnknownProcess() {
    var bridge = holding("node-1", "10.88.1.2", Samples.STRANGER.toString());
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var known = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1").addSpiffeIds(Samples.CHECKOUT.toString()));
    var unknown = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery());

    for (var attribution : List.of(soon(known), soon(unknown))) {
      assertThat(reason(attribution)).isEqualTo("identity_mismatch");
    }
  }

  @Test
  void ask_podAttestedAsTheReporter_leavesTheWordToTheProcess() {
    var bridge = holding("node-1", "10.88.1.2", Samples.CHECKOUT.toString());
    bridge.describes(fingerprint("fp:1", "/usr/bin/checkout").build());

    var same = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1"));
    var other = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1").addSpiffeIds(Samples.STRANGER.toString()));
    var hostile = ask("10.88.1.2", "");
    bridge.answers(bridge.nextQuery(), candidate("fp:1").addSpiffeIds("spiffe://td/a/../b"));

    assertThat(((Attributed) soon(same)).candidates().getFirst().attested())
        .containsExactly(Samples.CHECKOUT);
    assertThat(reason(soon(other))).isEqualTo("identity_mismatch");
    assertThat(soon(hostile)).isInstanceOf(Unattributed.class);
  }

  /** Why it is denied where a rule lets the unattributed pass. */
  private static String reason(Attribution attribution) {
    var flow =
        new Flow(
            Samples.CHECKOUT,
            attribution,
            new DestinationFacts.Resolved(
                new Destination(
                    "shop/statefulset/orders-db", Evidence.OWNER, null, 5432, Protocol.TCP),
                null));
    var decision = Decider.decide(Samples.snapshot(Mode.ENFORCE, true), flow, Instant.EPOCH);
    return decision.applied() instanceof Verdict.Deny(_, var reason) ? reason.code() : "allowed";
  }

  @Test
  void register_addressOfAnotherBridge_isRefusedAndToldUntilItIsFree() {
    var first = holding("node-1", "10.88.1.2");
    var second = attached("node-2");

    second.registers(pod("10.88.1.2"), pod("10.88.1.3"));
    Await.until("the list is taken", () -> pods("node-2") == 2);

    Await.until(
        "the refusal is told",
        () ->
            hub.statuses()
                .get(1)
                .refusedAddresses()
                .equals(List.of("10.88.1.2 is held by the bridge of node-1")));
    var _ = ask("10.88.1.2", "node-2");
    assertThat(first.nextQuery().getId()).isEqualTo(1);

    first.complete();
    Await.until("the first is gone", () -> hub.statuses().size() == 1);
    second.registers(pod("10.88.1.2"));
    Await.until("the second has it", () -> pods("node-2") == 1);
    Await.until("the refusal ends", () -> hub.statuses().getFirst().refusedAddresses().isEmpty());
    var _ = ask("10.88.1.2", "");
    assertThat(second.nextQuery().getId()).isEqualTo(1);
  }

  private FakeBridge attachedFrom(String address, String node) {
    peer = Samples.peer(BRIDGE, address);
    return attached(node);
  }

  private void awaitRefused(String node, String... words) {
    Await.until(
        "it is told",
        () ->
            hub.statuses().stream()
                .filter(status -> status.node().equals(node))
                .anyMatch(status -> status.refusedAddresses().equals(List.of(words))));
  }

  @Test
  void register_podOfAnotherNode_isRefused_andTheBridgeOfItsNodeIsAsked() {
    places.pod("10.1.0.1", "node-1");
    places.pod("10.1.0.2", "node-2");
    places.pod("10.88.1.2", "node-1");
    places.pod("10.88.2.2", "node-2");
    var words = "10.88.1.2 is of a pod on node-1, and the bridge is in one on node-2";

    var other = attachedFrom("10.1.0.2", "node-2");
    other.registers(pod("10.88.1.2"), pod("10.88.2.2"));
    awaitRefused("node-2", words);
    var before = ask("10.88.1.2", "node-1");
    var own = attachedFrom("10.1.0.1", "node-1");
    own.registers(pod("10.88.1.2"));
    Await.until("the pod is registered", () -> pods("node-1") == 1);
    var _ = ask("10.88.1.2", "node-1");
    var _ = ask("10.88.2.2", "node-2");

    assertThat(soon(before)).isInstanceOf(BridgeUnavailable.class);
    assertThat(own.nextQuery().getId()).isEqualTo(1);
    assertThat(IpAddress.of(other.nextQuery().getSourceAddress().toByteArray()))
        .hasToString("10.88.2.2");
    awaitRefused("node-1");
  }

  @Test
  void register_podHeldFromWhereNobodyKnows_goesToTheBridgeOfItsNode_onceThatIsKnown() {
    places.pod("10.88.1.2", "node-1");
    var other = attachedFrom("10.1.0.2", "node-2");
    other.registers(pod("10.88.1.2"));
    Await.until("the pod is registered", () -> pods("node-2") == 1);

    var own = attachedFrom("10.1.0.1", "node-1");
    own.registers(pod("10.88.1.2"));
    awaitRefused("node-1", "10.88.1.2 is held by the bridge of node-2");
    places.pod("10.1.0.1", "node-1");

    awaitRefused("node-1");
    awaitRefused("node-2", "10.88.1.2 is held by the bridge of node-1");
    var _ = ask("10.88.1.2", "node-1");
    assertThat(own.nextQuery().getId()).isEqualTo(1);
  }

  @Test
  void register_podWhoseAddressWasAnothers_isHeldOnceTheDirectoryKnows() {
    places.pod("10.1.0.2", "node-2");
    places.pod("10.88.1.2", "node-1");
    var bridge = attachedFrom("10.1.0.2", "node-2");
    bridge.registers(pod("10.88.1.2"));
    awaitRefused("node-2", "10.88.1.2 is of a pod on node-1, and the bridge is in one on node-2");

    places.pod("10.88.1.2", "node-2");

    awaitRefused("node-2");
    var _ = ask("10.88.1.2", "node-2");
    assertThat(bridge.nextQuery().getId()).isEqualTo(1);
  }

  /** Behind NAT a bridge may seem to be at any node. */
  @Test
  void register_bridgeAtTheAddressOfAnotherNode_holdsWhatNobodyElseDoes() {
    places.node("192.0.2.2", "node-2");
    places.pod("10.88.1.2", "node-1");
    var bridge = attachedFrom("192.0.2.2", "node-1");

    bridge.registers(pod("10.88.1.2"));
    Await.until("the pod is registered", () -> pods("node-1") == 1);
    awaitRefused("node-1");
    var _ = ask("10.88.1.2", "node-1");

    assertThat(bridge.nextQuery().getId()).isEqualTo(1);
  }

  @Test
  void attach_asANodeFromElsewhere_givesWayToTheBridgeOfThatNode() {
    places.pod("10.1.0.2", "node-2");
    places.node("192.0.2.1", "node-1");
    places.pod("10.88.1.2", "node-1");
    var other = attachedFrom("10.1.0.2", "node-1");

    var own = attachedFrom("192.0.2.1", "node-1");
    own.registers(pod("10.88.1.2"));

    assertThat(other.ended().getCode()).isEqualTo(Status.Code.ABORTED);
    Await.until("the pod is registered", () -> pods("node-1") == 1);
    var _ = ask("10.88.1.2", "node-1");
    assertThat(own.nextQuery().getId()).isEqualTo(1);
    peer = Samples.peer(BRIDGE, "10.1.0.2");
    var again = FakeBridge.silent(channel());
    again.hello(1, "node-1");
    assertThat(again.ended().getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
  }

  private static Pod started(String address, Instant start, String digest) {
    return pod(address, BRIDGE.toString()).toBuilder()
        .setStartedUnixMillis(start.toEpochMilli())
        .setImageDigest(digest)
        .build();
  }

  @Test
  void register_startAndImageOfAPod_areKnownWhileItIsHeld() {
    now = Instant.parse("2026-11-25T12:00:00Z");
    var start = now.minusSeconds(90).plusMillis(120);
    var digest = "sha256:" + "5".repeat(64);
    var bridge = attached("node-1");

    bridge.registers(started("10.88.1.2", start, digest), pod("10.88.1.3"));
    Await.until("the pods are registered", () -> pods("node-1") == 2);
    Await.until("the address is held", () -> !hub.running().isEmpty());

    var expected = new RunningPod(IpAddress.parse("10.88.1.2"), Set.of(BRIDGE), start, digest);
    var unknown = new RunningPod(IpAddress.parse("10.88.1.3"), Set.of(), null, null);
    assertThat(hub.running()).containsExactlyInAnyOrder(expected, unknown);
    assertThat(hub.running(IpAddress.parse("10.88.1.2"))).isEqualTo(expected);
    assertThat(hub.running(IpAddress.parse("10.88.1.3"))).isEqualTo(unknown);
    assertThat(hub.running(IpAddress.parse("10.88.1.4"))).isNull();
    assertThat(hub.counts().podFactsDoubtedTotal()).isZero();

    bridge.complete();
    Await.until("the bridge is gone", () -> hub.statuses().isEmpty());
    assertThat(hub.running()).isEmpty();
  }

  /** A pod of both families was counted as two, of which an edge was then seen on one. */
  @Test
  void running_podWithSeveralAddresses_isOne() {
    now = Instant.parse("2026-11-25T12:00:00Z");
    var bridge = attached("node-1");
    var v6 = pod("fd88::a").getAddresses(0);
    var v4 = pod("10.88.1.3").getAddresses(0);

    bridge.registers(
        started("10.88.1.2", now, "").toBuilder().addAddresses(v6).addAddresses(v4).build());
    Await.until("the addresses are held", () -> hub.running(IpAddress.parse("fd88::a")) != null);
    Await.until("the addresses are held", () -> hub.running(IpAddress.parse("10.88.1.3")) != null);

    assertThat(hub.running())
        .containsExactly(new RunningPod(IpAddress.parse("10.88.1.2"), Set.of(BRIDGE), now, null));
  }

  @Test
  void register_podWithSeveralAddresses_isOnePod_namedByTheFirst() {
    var first = IpAddress.parse("10.88.1.2");
    var taken = attached("node-2");
    taken.registers(pod("10.88.1.1"));
    Await.until("the other pod is registered", () -> pods("node-2") == 1);
    var bridge = attached("node-1");
    var pod = started("fd88::2", Instant.EPOCH, "").toBuilder();
    for (var address : List.of("10.88.1.3", "10.88.1.2", "10.88.1.1")) {
      pod.addAddresses(ByteString.copyFrom(IpAddress.parse(address).bytes()));
    }

    bridge.registers(pod.build());
    Await.until("the pod is registered", () -> pods("node-1") == 1);

    assertThat(hub.running())
        .extracting(RunningPod::address)
        .containsExactlyInAnyOrder(first, IpAddress.parse("10.88.1.1"));
    for (var address : List.of("fd88::2", "10.88.1.3", "10.88.1.2")) {
      assertThat(hub.running(IpAddress.parse(address)))
          .isNotNull()
          .returns(first, RunningPod::address);
    }
  }

  @Test
  void register_startsThatCannotBe_areNotBelievedAndTold_andThePodsAreHeldAllTheSame() {
    now = Instant.parse("2026-11-25T12:00:00Z");
    var bridge = attached("node-1");

    bridge.registers(
        started("10.88.1.2", now.plusSeconds(61), ""),
        started("10.88.1.3", Instant.ofEpochMilli(-1), ""),
        started("10.88.1.4", Instant.ofEpochMilli(Long.MAX_VALUE), ""),
        started("10.88.1.5", now.plusSeconds(60), ""),
        started("10.88.1.6", now.minusSeconds(1), "latest"));
    Await.until("it is told", () -> hub.statuses().getFirst().refusedAddresses().size() == 4);

    assertThat(hub.running().stream().filter(pod -> pod.started() != null))
        .containsExactlyInAnyOrder(
            new RunningPod(IpAddress.parse("10.88.1.5"), Set.of(BRIDGE), now, null),
            new RunningPod(
                IpAddress.parse("10.88.1.6"), Set.of(BRIDGE), now.minusSeconds(1), null));
    assertThat(hub.counts().podFactsDoubtedTotal()).isEqualTo(4);
    assertThat(hub.statuses().getFirst().refusedAddresses())
        .contains(
            "pod 'net:[10.88.1.2]': started 2026-11-25T12:01:01Z (expected: after 1970 and not"
                + " after now; the clock of the node is wrong)");
    var _ = ask("10.88.1.2", "node-1");
    assertThat(bridge.nextQuery().getId()).isEqualTo(1);
  }

  @Test
  void register_loopback_ofAnotherMachine_isRefusedAndTold() {
    var bridge = attached("node-1");

    bridge.registers(pod("127.0.0.1"), pod("::1"), pod("10.88.1.2"));

    Await.until("the pods are registered", () -> pods("node-1") == 3);
    Await.until("it is told", () -> hub.statuses().getFirst().refusedAddresses().size() == 2);
    assertThat(hub.statuses().getFirst().refusedAddresses())
        .allMatch(words -> words.contains("is loopback, and the bridge did not attach over"));
    assertThat(soon(ask("127.0.0.1", "node-1")))
        .isEqualTo(
            new BridgeUnavailable(
                "no bridge has registered 127.0.0.1 (the bridge of node-1 is attached)"));
  }

  @Test
  void register_loopback_overLoopback_isHeld() {
    peer = Samples.peer(BRIDGE, "127.0.0.1");
    var bridge = holding("node-1", "127.0.0.1");

    var answer = ask("127.0.0.1", "node-1");
    bridge.answers(bridge.nextQuery());

    assertThat(hub.statuses().getFirst().refusedAddresses()).isEmpty();
    assertThat(soon(answer)).isInstanceOf(Unattributed.class);
  }

  @Test
  void register_newList_replacesTheOldAsAWhole() {
    var bridge = holding("node-1", "10.88.1.2");

    bridge.registers(pod("10.88.1.3"), pod("10.88.1.4"));
    Await.until("the list is taken", () -> pods("node-1") == 2);

    Await.until("the old is forgotten", () -> ask("10.88.1.2", "").isDone());
    assertThat(soon(ask("10.88.1.2", ""))).isInstanceOf(BridgeUnavailable.class);
    assertThat(ask("10.88.1.4", "")).isNotDone();
  }

  @Test
  void register_hostilePods_areLeftOutAndTold() {
    var bridge = attached("node-1");

    bridge.registers(
        pod("10.88.1.2", "spiffe://td/a/../b"),
        pod("10.88.1.3").toBuilder()
            .clearAddresses()
            .addAddresses(com.google.protobuf.ByteString.copyFrom(new byte[5]))
            .build(),
        pod("10.88.1.4"));
    Await.until("the list is taken", () -> pods("node-1") == 1);

    Await.until("it is told", () -> hub.statuses().getFirst().refusedAddresses().size() == 2);
    assertThat(soon(ask("10.88.1.2", ""))).isInstanceOf(BridgeUnavailable.class);
  }

  @Test
  void attach_sameNodeAgain_takesOverWhenItRegisters_andLosesNoQuestion() {
    var older = holding("node-1", "10.88.1.2");
    var newer = attached("node-1");

    var before = ask("10.88.1.2", "");
    older.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    older.answers(older.nextQuery(), candidate("fp:1"));
    assertThat(soon(before)).isInstanceOf(Attributed.class);
    var during = ask("10.88.1.2", "");
    var _ = older.nextQuery();
    newer.registers(pod("10.88.1.2"));
    newer.describes(fingerprint("fp:1", "/usr/bin/checkout").build());
    newer.answers(newer.nextQuery(), candidate("fp:1"));
    var after = ask("10.88.1.2", "");
    newer.answers(newer.nextQuery(), candidate("fp:1"));

    assertThat(List.of(soon(during), soon(after)))
        .allSatisfy(answer -> assertThat(answer).isInstanceOf(Attributed.class));
    assertThat(older.ended().getCode()).isEqualTo(Status.Code.ABORTED);
    assertThat(hub.statuses()).hasSize(1);
  }

  @Test
  void attach_newerStreamEndsBeforeItRegisters_leavesTheOlder() {
    var older = holding("node-1", "10.88.1.2");
    var newer = attached("node-1");
    assertThat(pods("node-1")).isZero();

    newer.complete();
    Await.until("the older is back", () -> pods("node-1") == 1);
    older.registers(pod("10.88.1.2"), pod("10.88.1.3"));

    Await.until("its list is taken", () -> pods("node-1") == 2);
    var _ = ask("10.88.1.3", "");
    assertThat(older.nextQuery().getId()).isEqualTo(1);
  }

  /** The third stream of a bridge whose first two hang was refused what the first one held. */
  @Test
  void attach_thirdStream_takesThePlaceOfTheSecond_andOverFromTheFirst() {
    var first = holding("node-1", "10.88.1.2");
    var second = attached("node-1");
    var third = attached("node-1");

    third.registers(pod("10.88.1.2"));
    Await.until("its list is taken", () -> pods("node-1") == 1);

    assertThat(hub.statuses().getFirst().refusedAddresses()).isEmpty();
    assertThat(second.ended().getCode()).isEqualTo(Status.Code.ABORTED);
    assertThat(first.ended().getCode()).isEqualTo(Status.Code.ABORTED);
    var _ = ask("10.88.1.2", "");
    assertThat(third.nextQuery().getId()).isEqualTo(1);
  }

  @Test
  void attach_thirdStreamEndsBeforeItRegisters_leavesTheFirst() {
    var first = holding("node-1", "10.88.1.2");
    var second = attached("node-1");
    var third = attached("node-1");
    assertThat(second.ended().getCode()).isEqualTo(Status.Code.ABORTED);

    third.complete();
    Await.until("the first is back", () -> pods("node-1") == 1);

    var _ = ask("10.88.1.2", "");
    assertThat(first.nextQuery().getId()).isEqualTo(1);
  }

  @Test
  void attach_sameNodeFromAnotherAddress_isRefused() {
    var _ = holding("node-1", "10.88.1.2");
    peer = Samples.peer(BRIDGE, "10.1.0.2");

    var second = FakeBridge.silent(channel());
    second.hello(1, "node-1");

    assertThat(second.ended().getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(second.ended().getDescription())
        .isEqualTo("node 'node-1' has a bridge already, from 10.1.0.1");
    assertThat(pods("node-1")).isEqualTo(1);
  }

  @Test
  void attach_withoutIdentity_isUnauthenticated() {
    peer = Peer.unknown("no certificate", null);

    assertThat(FakeBridge.silent(channel()).ended().getCode())
        .isEqualTo(Status.Code.UNAUTHENTICATED);
  }

  @Test
  void attach_otherIdentity_isRefusedWithTheKey() {
    peer = Samples.peer(Samples.CHECKOUT, "10.1.0.1");

    var status = FakeBridge.silent(channel()).ended();

    assertThat(status.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
    assertThat(status.getDescription())
        .isEqualTo(Samples.CHECKOUT + " is no identity bridge (see server.bridgeIds)");
  }

  @Test
  void attach_certificateEnds_endsTheStreamAtTheNextMessage() {
    peer = Peer.proved(BRIDGE, Instant.EPOCH, Instant.EPOCH.plusSeconds(60), null);
    var bridge = holding("node-1", "10.88.1.2");

    now = Instant.EPOCH.plusSeconds(60);
    bridge.registers();

    assertThat(bridge.ended().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
    Await.until("it is detached", () -> hub.statuses().isEmpty());
  }

  @Test
  void attach_badFirstMessages_areRefusedWithWords() {
    var noHello = FakeBridge.silent(channel());
    noHello.registers();
    var oldVersion = FakeBridge.silent(channel());
    oldVersion.hello(0, "node-1");
    var noNode = FakeBridge.silent(channel());
    noNode.hello(1, "a\nb");

    assertThat(noHello.ended().getDescription())
        .isEqualTo("the first message is POD_UPDATE (expected: HELLO)");
    assertThat(oldVersion.ended().getDescription())
        .isEqualTo("protocol version 0 (expected: 1 or later)");
    assertThat(noNode.ended().getDescription())
        .isEqualTo("node: 'a?b' (expected: a name of 1 to 253 characters)");
    assertThat(hub.statuses()).isEmpty();
  }

  @Test
  void attach_messageOfALaterProtocol_isPassedOver() {
    var bridge = attached("node-1");

    bridge.send(BridgeMessage.getDefaultInstance());
    bridge.registers(pod("10.88.1.2"));

    Await.until("the next message is taken", () -> pods("node-1") == 1);
  }

  @Test
  void statuses_tellWhatTheNodeSays() {
    var bridge = attached("node-1");

    bridge.tells(
        NodeStatus.newBuilder()
            .setRung(io.kith.bridge.v1.Rung.RUNG_KERNEL_EXACT)
            .addProblems("sendmsg: EPERM")
            .setCanaryOk(true)
            .setConnectsSeen(42)
            .setEntriesCapacity(65_536)
            .setContainersDescribed(3)
            .setContainersNotDescribed(1)
            .setRuntimeFailures(4)
            .setRuntimeContradictions(2)
            .setGuardProblem("no pod is guarded: EPERM")
            .build());
    Await.until("it is taken", () -> hub.statuses().getFirst().canaryOk());

    assertThat(hub.statuses())
        .containsExactly(
            new BridgeStatus(
                "node-1",
                "test",
                Instant.EPOCH,
                Rung.KERNEL_EXACT,
                List.of("sendmsg: EPERM", "no pod is guarded: EPERM"),
                true,
                0,
                List.of(),
                0,
                42,
                65_536,
                new BridgeStatus.Containers(3, 1, 4, 2)));
  }

  private String heard(NodeStatus.Builder status) {
    var bridge = attached("node-1");
    now = now.plusSeconds(1);
    var told = now;

    bridge.tells(status.build());

    Await.until(
        "it is heard",
        () -> nodes.of("node-1") instanceof NodeBridges.State(_, _, var at) && at.equals(told));
    bridge.complete();
    Await.until("it is gone", () -> hub.statuses().isEmpty());
    return requireNonNull(nodes.of("node-1")).problem();
  }

  @Test
  void told_bridgeThatFindsItselfAndGuards_isReady() {
    assertThat(heard(NodeStatus.newBuilder().setCanaryOk(true).setGuardOk(true))).isEmpty();
  }

  @Test
  void told_bridgeThatIsNotAllRight_isNotReady_andSaysWhy() {
    assertThat(heard(NodeStatus.newBuilder().setGuardOk(true)))
        .isEqualTo("its bridge does not find its own connections again (kith status says why)");
    assertThat(heard(NodeStatus.newBuilder().setCanaryOk(true).setGuardProblem("no BPF")))
        .isEqualTo("its bridge says: no BPF");
  }

  @Test
  void told_bridgeOfAnOlderVersion_isNotReady() {
    assertThat(heard(NodeStatus.newBuilder().setCanaryOk(true)))
        .isEqualTo("its bridge does not say whether it guards pods (it is older than this server)");
  }
}
