package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.bridge.v1.DnsAnswer;
import io.kith.bridge.v1.DnsAnswers;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.GuardEvent;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardPolicy;
import io.kith.bridge.v1.GuardReason;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.GuardedPod;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.ReasonCount;
import io.kith.bridge.v1.Revocation;
import io.kith.bridge.v1.RevocationDone;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Answered;
import io.kith.server.check.Await;
import io.kith.server.check.CheckFacts;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.Deadlines;
import io.kith.server.check.GuardRefusal;
import io.kith.server.check.InMemoryPolicy;
import io.kith.server.check.Logged;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GuardDeskTest {
  private static final IpAddress FAR = IpAddress.parse("198.18.1.1");
  private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");

  private final Deadlines deadlines = new Deadlines();
  private final BridgeHub hub = new BridgeHub(deadlines, new NodeBridges(), InstantSource.system());
  private final InMemoryPolicy policy = new InMemoryPolicy();
  private final OpenFlows flows = new OpenFlows(() -> NOON);
  private final List<ServerMessage> sent = new CopyOnWriteArrayList<>();
  private final AtomicLong nanos = new AtomicLong();
  private volatile boolean failsToWrite;
  private final AttachedBridge bridge = attached("10.1.0.1");

  @AfterEach
  void stop() {
    deadlines.close();
  }

  /** An older one, which does not say what it has done. */
  private AttachedBridge attached(String from) {
    return attached(from, false);
  }

  private AttachedBridge attached(String from, boolean saysRevocationDone) {
    return attached(
        "node-1",
        from,
        saysRevocationDone,
        pod("net:[1]", Samples.POD).addSpiffeIds(Samples.CHECKOUT.toString()),
        pod("net:[2]", "10.88.9.9"));
  }

  private AttachedBridge attached(
      String node, String from, boolean saysRevocationDone, Pod.Builder... pods) {
    var attached = new AtomicReference<@Nullable AttachedBridge>();
    var out =
        new StreamWriter<>(
            new StreamObserver<ServerMessage>() {
              @Override
              public void onNext(ServerMessage message) {
                if (failsToWrite) {
                  throw new AssertionError("on purpose");
                }
                sent.add(message);
              }

              @Override
              public void onError(Throwable thrown) {}

              @Override
              public void onCompleted() {}
            },
            () -> true,
            why -> requireNonNull(attached.get()).gone(why));
    var id = SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");
    var one =
        new AttachedBridge(
            hub,
            Samples.peer(id, from),
            Hello.newBuilder().setNode(node).setSaysRevocationDone(saysRevocationDone).build(),
            Instant.EPOCH,
            out,
            null,
            nanos::get);
    attached.set(one);
    assertThat(hub.attach(one)).isNull();
    var update = PodUpdate.newBuilder();
    List.of(pods).forEach(update::addPods);
    one.registers(update.build(), Instant.EPOCH);
    return one;
  }

  private static Pod.Builder pod(String id, String address) {
    return Pod.newBuilder().setId(id).addAddresses(bytes(address));
  }

  private static ByteString bytes(String address) {
    return ByteString.copyFrom(IpAddress.parse(address).bytes());
  }

  private GuardDesk desk(NetworkTarget... resolvers) {
    return desk(Samples.directory(), resolvers);
  }

  private GuardDesk desk(StaticWorkloadDirectory directory, NetworkTarget... resolvers) {
    return desk(directory, List.of(NetworkTarget.parse("0.0.0.0/0:3306")), resolvers);
  }

  private GuardDesk desk(
      StaticWorkloadDirectory directory, List<NetworkTarget> excluded, NetworkTarget... resolvers) {
    var settings =
        new KithConfig.Guard(
            1_337,
            1_337,
            List.of(15_000),
            true,
            false,
            List.of(resolvers),
            excluded,
            List.of(),
            List.of());
    return new GuardDesk(settings, directory, policy, hub, flows);
  }

  private List<GuardPolicy> policies() {
    var found =
        sent.stream()
            .filter(ServerMessage::hasGuardPolicies)
            .flatMap(message -> message.getGuardPolicies().getPoliciesList().stream())
            .toList();
    sent.clear();
    return found;
  }

  @Test
  void look_podOfAWorkload_isToldItsPolicyOnceAndOnEachChange() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      desk.look();
      assertThat(policies())
          .singleElement()
          .satisfies(
              told -> {
                assertThat(told.getPodId()).isEqualTo("net:[1]");
                assertThat(told.getMode()).isEqualTo(GuardMode.GUARD_MODE_ENFORCE);
                assertThat(told.getProxyUid()).isEqualTo(1_337);
                assertThat(told.getRedirectsIpv6()).isFalse();
                assertThat(told.getResolvers(0).getPort()).isEqualTo(53);
                assertThat(told.getExcluded(0).getPrefix()).isZero();
              });
      desk.look();
      assertThat(policies()).isEmpty();

      policy.decideBy(Samples.snapshot(Mode.OBSERVE));
      desk.look();
      assertThat(policies())
          .singleElement()
          .extracting(GuardPolicy::getMode)
          .isEqualTo(GuardMode.GUARD_MODE_OBSERVE);
    }
  }

  /** It ended policies and revocations until the server was started anew. */
  @Test
  void start_anErrorInOneLook_isFollowedByOthers() {
    flows.answered(allowed(40_001));
    var none = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
    policy.decideBy(failingOnce(new Snapshot(Mode.ENFORCE, false, none, null)));
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      desk.start();

      Await.until("a revocation", () -> sent.stream().anyMatch(ServerMessage::hasRevocation));
      Await.until("a policy", () -> sent.stream().anyMatch(ServerMessage::hasGuardPolicies));
    }
  }

  @Test
  void look_anErrorAtOneBridge_keepsNoOtherFromBeingTold() {
    var other = "10.88.3.3";
    attached(
        "node-2",
        "10.1.0.2",
        true,
        pod("net:[3]", other).addSpiffeIds(Samples.CHECKOUT.toString()));
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                entry("shop/deployment/checkout", Samples.CHECKOUT, IpAddress.parse(Samples.POD)),
                entry("shop/deployment/checkout", Samples.CHECKOUT, IpAddress.parse(other))));
    policy.decideBy(failingOnce(Samples.snapshot(Mode.ENFORCE)));
    try (var desk = desk(directory, NetworkTarget.parse("10.96.0.10:53"))) {
      desk.look();
      var first = policies();
      assertThat(first).as("of the bridge that did not fail").hasSize(1);
      desk.look();

      assertThat(policies())
          .singleElement()
          .extracting(GuardPolicy::getPodId)
          .isNotEqualTo(first.getFirst().getPodId());
    }
  }

  /** It counted as told, and stayed open for as long as the stream did. */
  @Test
  void revoke_aMistakeWhileItIsTold_endsTheStream_andTheNextIsTold() {
    try (var desk = desk()) {
      var before = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();

      before.revoke(failing());
      assertThat(before.hasEnded()).isTrue();

      attached("10.1.0.1", true);
      desk.look();

      assertThat(revocations()).hasSize(1);
    }
  }

  /** What lost its permission, which cannot be told. */
  private Map<OpenFlows.Revoked, RegisteredPod> failing() {
    var revoked = flows.revoked(policy, _ -> true).getFirst();
    return new AbstractMap<>() {
      @Override
      public Set<Map.Entry<OpenFlows.Revoked, RegisteredPod>> entrySet() {
        return Set.of(new FailingEntry(revoked));
      }
    };
  }

  /** The stream ended each second, and the log had a line of each. */
  @Test
  void revoke_aMistakeThatStays_endsTheStreamMoreAndMoreRarely_andIsSaidOnce() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"));
        var log = Logged.by(AttachedBridge.class)) {
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();

      var ends = endsInTenMinutes(one -> one.revoke(failing()));
      assertThat(ends).isBetween(10, 30);
      assertThat(log.messages())
          .singleElement()
          .asString()
          .contains("a mistake inside", "node=node-1", "what=revocations");

      desk.look();
      assertThat(policies()).as("told meanwhile").isNotEmpty();
      nanos.addAndGet(Duration.ofSeconds(30).toNanos());
      desk.look();
      assertThat(revocations()).hasSize(1);
      assertThat(log.messages()).hasSize(2).last().asString().startsWith("bridge is told again");
      attached("10.1.0.1", true).revoke(failing());
      assertThat(log.messages()).as("once more").hasSize(3);
    }
  }

  @Test
  void look_policiesThatCannotBeWritten_endTheStreamMoreAndMoreRarely_andAreToldOnceTheyCan() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      failsToWrite = true;
      assertThat(endsInTenMinutes(_ -> desk.look())).isBetween(10, 30);

      failsToWrite = false;
      nanos.addAndGet(Duration.ofSeconds(30).toNanos());
      desk.look();

      assertThat(policies()).hasSize(1);
    }
  }

  /** How often the stream of a bridge that attaches again at once ends, told once a second. */
  private int endsInTenMinutes(Consumer<AttachedBridge> told) {
    var ends = 0;
    for (var second = 0; second < 600; second++) {
      var one = current();
      told.accept(one);
      if (one.hasEnded()) {
        ends++;
        attached("10.1.0.1", true);
      }
      nanos.addAndGet(Duration.ofSeconds(1).toNanos());
    }
    return ends;
  }

  private AttachedBridge current() {
    return hub.attached().iterator().next();
  }

  /** Of a pod that cannot be had. */
  private record FailingEntry(OpenFlows.Revoked getKey)
      implements Map.Entry<OpenFlows.Revoked, RegisteredPod> {
    @Override
    public OpenFlows.Revoked getKey() {
      return getKey;
    }

    @Override
    public RegisteredPod getValue() {
      throw new AssertionError("on purpose");
    }

    @Override
    public RegisteredPod setValue(RegisteredPod value) {
      throw new UnsupportedOperationException();
    }
  }

  private static Supplier<Snapshot> failingOnce(Snapshot then) {
    var failed = new AtomicBoolean();
    return () -> {
      if (failed.compareAndSet(false, true)) {
        throw new AssertionError("on purpose");
      }
      return then;
    };
  }

  /** T1562: with CAP_NET_ADMIN a pod gives itself that of one that is observed. */
  @Test
  void look_podWithAnAddressOfAnotherWorkload_isToldTheStricterMode() {
    var other = IpAddress.parse("10.88.1.3");
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                entry("shop/deployment/checkout", Samples.CHECKOUT, IpAddress.parse(Samples.POD)),
                entry("shop/deployment/other", Samples.STRANGER, other)));
    for (var first : List.of(Mode.OBSERVE, Mode.ENFORCE)) {
      var pod = pod("net:[" + first + "]", Samples.POD).addAddresses(bytes(other.toString()));
      bridge.registers(PodUpdate.newBuilder().addPods(pod).build(), Instant.EPOCH);
      var second = first == Mode.OBSERVE ? Mode.ENFORCE : Mode.OBSERVE;
      var modes = List.of(first, second).iterator();
      policy.decideBy(() -> Samples.snapshot(modes.next()));
      try (var desk = desk(directory, NetworkTarget.parse("10.96.0.10:53"))) {
        desk.look();

        assertThat(policies())
            .extracting(GuardPolicy::getMode)
            .containsExactly(GuardMode.GUARD_MODE_ENFORCE);
      }
    }
  }

  private static StaticWorkloadDirectory.Entry entry(String owner, SpiffeId id, IpAddress address) {
    return new StaticWorkloadDirectory.Entry(
        Owner.parse(owner), id, "prod", List.of(address), List.of());
  }

  /** The bridge forgets who is gone, and the kernel gives the number to the next. */
  @Test
  void look_podWithTheNumberOfOneThatWentSinceTheLastLook_isToldTheSamePolicy() {
    var its = pod("net:[1]", Samples.POD).addSpiffeIds(Samples.CHECKOUT.toString());
    var before = PodUpdate.newBuilder().addPods(its).build();
    var after = PodUpdate.newBuilder().addPods(its.setStartedUnixMillis(1)).build();
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      desk.look();
      assertThat(policies()).hasSize(1);
      bridge.registers(before, NOON);
      desk.look();
      assertThat(policies()).as("of a pod that stayed").isEmpty();

      bridge.registers(PodUpdate.getDefaultInstance(), NOON);
      bridge.registers(before, NOON);
      desk.look();
      assertThat(policies()).as("of one that came back").hasSize(1);

      bridge.registers(after, NOON);
      desk.look();
      assertThat(policies()).as("of another").hasSize(1);
      desk.look();
      assertThat(policies()).isEmpty();
    }
  }

  @Test
  void look_noResolver_refusesNothing() {
    try (var desk = desk()) {
      desk.look();
      assertThat(policies())
          .singleElement()
          .extracting(GuardPolicy::getMode)
          .isEqualTo(GuardMode.GUARD_MODE_SHADOW);
    }
  }

  /** A bridge ended its stream at each message of more than 4 MiB, and attached in vain again. */
  @Test
  void look_policiesOfManyOctets_areToldInSeveralMessages() {
    var pods = PodUpdate.newBuilder();
    for (var i = 1; i <= 100; i++) {
      pods.addPods(
          pod("net:[" + i + "]", "10.88.3." + i).addSpiffeIds(Samples.CHECKOUT.toString()));
    }
    var entries =
        IntStream.rangeClosed(1, 100)
            .mapToObj(
                i ->
                    entry(
                        "shop/deployment/checkout",
                        Samples.CHECKOUT,
                        IpAddress.parse("10.88.3." + i)))
            .toList();
    var blocks =
        IntStream.range(0, 5_000)
            .mapToObj(i -> NetworkTarget.parse("198.18." + i / 250 + "." + i % 250 + "/32:443"))
            .toList();
    bridge.registers(pods.build(), Instant.EPOCH);
    try (var desk =
        desk(new StaticWorkloadDirectory(entries), blocks, NetworkTarget.parse("10.96.0.10:53"))) {
      var looks = 0;
      var told = new HashSet<String>();
      while (told.size() < 100 && looks++ < 100) {
        desk.look();
        assertThat(sent).singleElement().satisfies(GuardDeskTest::isRead);
        policies().forEach(policy -> assertThat(told.add(policy.getPodId())).isTrue());
      }
      assertThat(told).hasSize(100);
      desk.look();
      assertThat(policies()).isEmpty();
    }
  }

  private static void isRead(ServerMessage message) {
    assertThat(message.getSerializedSize()).isLessThan(2 * 1024 * 1024);
  }

  /** Such as the cluster's DNS, of which each answer would be a datagram past a sidecar. */
  @Test
  void look_podWithoutSidecar_isToldNothing() {
    bridge.registers(
        PodUpdate.newBuilder().addPods(pod("net:[3]", Samples.DATABASE)).build(), Instant.EPOCH);
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      desk.look();
      assertThat(policies()).extracting(GuardPolicy::getPodId).doesNotContain("net:[3]");
    }
  }

  private static GuardReport report(long seen, long refused, long destroyed) {
    return GuardReport.newBuilder()
        .addPods(
            GuardedPod.newBuilder()
                .setPodId("net:[1]")
                .setApplied(GuardMode.GUARD_MODE_ENFORCE)
                .setHasPolicy(true)
                .setRawHolders(1))
        .addPods(
            GuardedPod.newBuilder().setPodId("net:[2]").setApplied(GuardMode.GUARD_MODE_OBSERVE))
        .addTotals(
            ReasonCount.newBuilder()
                .setReason(GuardReason.GUARD_REASON_UDP)
                .setSeen(seen)
                .setRefused(refused))
        .setDestroyed(destroyed)
        .build();
  }

  @Test
  void reports_addUp_alsoAfterTheBridgeStartsAnew() {
    var reports = hub.guardReports();
    bridge.guarded(report(5, 3, 1));
    bridge.guarded(report(7, 4, 1));
    attached("10.1.0.1").guarded(report(9, 4, 2)); // the same bridge on another stream
    assertThat(reports.seen()).containsEntry("udp", 9L);
    assertThat(reports.refused()).containsEntry("udp", 4L);
    assertThat(reports.destroyed()).isEqualTo(2);

    bridge.guarded(report(2, 1, 0)); // started anew
    assertThat(reports.seen()).containsEntry("udp", 11L);
    assertThat(reports.refused()).containsEntry("udp", 5L);
    assertThat(reports.pods()).containsEntry("enforce", 1L).containsEntry("unspoken", 1L);
    assertThat(reports.rawPods()).isEqualTo(1);
    reports.gone("node-1");
    assertThat(reports.pods()).isEmpty();
    assertThat(reports.seen()).containsEntry("udp", 11L);
  }

  /** Counters have 64 bits and no sign, and a bridge may say what it likes. */
  @Test
  void reports_ofMoreThanCanBeCounted_stayAtTheMost() {
    var reports = hub.guardReports();
    bridge.guarded(report(5, 3, 1));
    bridge.guarded(report(-1, -1, -1));
    bridge.guarded(report(2, 1, 1));

    assertThat(reports.seen()).containsEntry("udp", Long.MAX_VALUE);
    assertThat(reports.refused()).containsEntry("udp", Long.MAX_VALUE);
    assertThat(reports.destroyed()).isEqualTo(Long.MAX_VALUE);
  }

  /** The log has a limit for each second; what is above it comes with the next report. */
  @Test
  void reports_moreEventsThanTheLogTakesAtOnce_areAllLoggedInTheEnd() {
    var lines = new ConcurrentSkipListSet<String>();
    var traces = new ConcurrentSkipListSet<String>();
    hub.guardReports()
        .tellRefusals(
            refusal -> traces.add(traceOf(refusal.destinationWords(), refusal.traceId())));
    var logger = Logger.getLogger(GuardReports.class.getName());
    var handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            var values = new HashMap<String, String>();
            for (var word : record.getMessage().split(" ", -1)) {
              var pair = word.split("=", 2);
              values.put(pair[0], pair[pair.length - 1]);
            }
            assertThat(lines.add(traceOf(values.get("destination"), values.get("trace_id"))))
                .as("said once")
                .isTrue();
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    var many = GuardReport.newBuilder();
    for (var port = 1; port <= 40; port++) {
      many.addEvents(events(1, 1).getEvents(0).toBuilder().setDestinationPort(port));
    }
    logger.addHandler(handler);
    try {
      Await.until(
          "all are logged",
          () -> {
            bridge.guarded(many.build());
            return lines.size() == 40;
          });
      bridge.guarded(many.build());
    } finally {
      logger.removeHandler(handler);
    }
    assertThat(lines).as("each with the trace of its refusal").hasSize(40).isEqualTo(traces);
  }

  /** A bridge names its node itself, and may come with another name each time. */
  @Test
  void reports_ofNodesThatCameAndWent_areForgottenBeyondALimit() {
    var reports = hub.guardReports();
    bridge.guarded(report(1, 1, 0));

    var last = 60_000;
    for (var i = 1; i <= last; i++) {
      reports.reported("gone-" + i, report(1, 1, 0), new Fingerprints());
      reports.gone("gone-" + i);
    }

    assertThat(reports.nodes()).isBetween(10_000, 40_000);
    assertThat(reports.seen()).as("what was counted stays").containsEntry("udp", last + 1L);
    reports.reported("gone-" + last, report(1, 1, 0), new Fingerprints());
    bridge.guarded(report(1, 1, 0));
    assertThat(reports.seen()).as("known again, both").containsEntry("udp", last + 1L);
  }

  @Test
  void reports_ofNodesThatSaidMuchAndWent_areForgottenSooner() {
    var reports = hub.guardReports();
    var much = GuardReport.newBuilder();
    for (var port = 1; port <= 2_000; port++) {
      much.addEvents(
          events(1, 1).getEvents(0).toBuilder()
              .setPodId("p".repeat(1_000))
              .setDestinationPort(port));
    }

    for (var i = 1; i <= 100; i++) {
      reports.reported("gone-" + i, much.build(), new Fingerprints());
      reports.gone("gone-" + i);
    }

    assertThat(reports.nodes()).isBetween(1, 20);
  }

  /** Nobody would say that its node is gone. */
  @Test
  void report_ofAStreamThatWasReplacedByOneThatEnded_isNotTaken() {
    var newer = attached("10.1.0.1");
    hub.detach(newer, "cut");

    bridge.guarded(report(1, 1, 0));

    assertThat(hub.guardReports().nodes()).isZero();
  }

  private static String traceOf(@Nullable String destination, @Nullable String trace) {
    return destination + " " + trace;
  }

  private static GuardReport events(long seen, long refused) {
    return GuardReport.newBuilder()
        .addEvents(
            GuardEvent.newBuilder()
                .setPodId("net:[1]")
                .setFingerprintId("f1")
                .setReason(GuardReason.GUARD_REASON_PROXY_USER)
                .setDestinationAddress(bytes("198.18.1.1"))
                .setDestinationPort(8_080)
                .setIpProtocol(6)
                .setSeen(seen)
                .setRefused(refused))
        .build();
  }

  @Test
  void reports_refusals_areToldOnceForEachThatIsNew() {
    var told = new ArrayList<GuardRefusal>();
    hub.guardReports().tellRefusals(told::add);
    bridge.described(Fingerprint.newBuilder().setId("f1").setPath("/usr/bin/curl").build());

    bridge.guarded(events(2, 0)); // observed
    assertThat(told).isEmpty();
    bridge.guarded(events(5, 3));
    bridge.guarded(events(5, 3));
    bridge.guarded(events(9, 7));

    assertThat(told).extracting(GuardRefusal::refused).containsExactly(3L, 4L);
    assertThat(told).extracting(GuardRefusal::traceId).doesNotHaveDuplicates();
    assertThat(told.getFirst().reason()).isEqualTo("proxy_user");
    assertThat(told.getFirst().destinationWords()).isEqualTo("198.18.1.1:8080");
    assertThat(told.getFirst().node()).isEqualTo("node-1");
    assertThat(requireNonNull(told.getFirst().fingerprint()).words()).isEqualTo("/usr/bin/curl");
    told.clear();
    hub.guardReports().gone("node-1"); // a cut: the bridge tells all again
    bridge.guarded(events(9, 7));
    assertThat(told).isEmpty();
    bridge.guarded(events(1, 1)); // started anew
    assertThat(told).extracting(GuardRefusal::refused).containsExactly(1L);
  }

  @Test
  void workload_podOfANode_isWhoseItIs() {
    try (var desk = desk()) {
      assertThat(requireNonNull(desk.workload("node-1", "net:[1]")).owner().toString())
          .isEqualTo("shop/deployment/checkout");
      assertThat(desk.workload("node-1", "net:[2]")).isNull();
      assertThat(desk.workload("node-2", "net:[1]")).isNull();
    }
  }

  private static DnsAnswer answer(String pod, String name, String address) {
    return DnsAnswer.newBuilder()
        .setPodId(pod)
        .setName(name)
        .addAddresses(bytes(address))
        .setTtlSeconds(30)
        .build();
  }

  private Set<String> names(String pod, @Nullable String claimed) {
    var source = IpAddress.parse(pod);
    return hub.names(source, FAR, claimed == null ? Set.of() : Set.of(claimed));
  }

  @Test
  void names_areThoseThatThisPodWasTold() {
    bridge.heard(
        DnsAnswers.newBuilder()
            .addAnswers(answer("net:[1]", "api.example.com", "198.18.1.1"))
            .addAnswers(answer("net:[1]", "cdn.example.com", "198.18.1.1"))
            .addAnswers(answer("net:[1]", "Not A Name", "198.18.1.1"))
            .addAnswers(answer("net:[2]", "other.example.com", "198.18.1.1"))
            .build());

    assertThat(names(Samples.POD, "api.example.com"))
        .containsExactlyInAnyOrder("api.example.com", "cdn.example.com");
    assertThat(names("10.88.9.9", null)).containsExactly("other.example.com");
    assertThat(names("10.88.7.7", "api.example.com")).isEmpty();
    assertThat(hub.counts().namesUntoldTotal()).as("nobody watches that pod").isZero();
    names("10.88.9.9", "api.example.com");
    assertThat(hub.counts().namesUntoldTotal()).isEqualTo(1);
  }

  @Test
  void names_lifetimeOver_areForgotten() {
    var now = new long[1];
    var names = new HeardNames(() -> now[0]);
    names.heard(List.of(answer("p", "api.example.com", "198.18.1.1")));
    now[0] = Duration.ofHours(23).toNanos();
    assertThat(names.of("p", FAR)).isNotEmpty();
    now[0] = Duration.ofHours(25).toNanos();
    assertThat(names.of("p", FAR)).isEmpty();

    for (var i = 0; i < 2 * HeardNames.NAMES_PER_POD; i++) {
      names.heard(List.of(answer("p", "n" + i + ".example", "198.18.1.1")));
    }
    assertThat(names.of("p", FAR)).hasSize(HeardNames.NAMES_PER_POD);
    names.keep(Set.of());
    assertThat(names.of("p", FAR)).isEmpty();
  }

  private Answered allowed(int port) {
    return allowed(Samples.POD, port);
  }

  private Answered allowed(String pod, int port) {
    return answered(CheckFacts.Layer.L4, pod, port, 5_432);
  }

  /** What the policy says of it now. */
  private Answered answered(CheckFacts.Layer layer, String pod, int port, int toPort) {
    return answered(layer, pod, port, toPort, null);
  }

  private Answered answered(
      CheckFacts.Layer layer, String pod, int port, int toPort, @Nullable String cluster) {
    return answered(layer, pod, port, toPort, cluster, false);
  }

  private Answered answered(
      CheckFacts.Layer layer,
      String pod,
      int port,
      int toPort,
      @Nullable String cluster,
      boolean repeated) {
    var workload =
        requireNonNull(
            Samples.directory().speaking(Samples.CHECKOUT, IpAddress.parse(Samples.POD)));
    var to = IpAddress.parse(Samples.DATABASE);
    var facts = new DestinationFacts(to, toPort, Protocol.TCP, cluster, null, null, Set.of());
    var flow =
        new Flow(
            Samples.CHECKOUT, Samples.attributed(Samples.APP), facts.resolve(Samples.directory()));
    var snapshot = policy.snapshot(workload);
    var decision = Decider.decide(snapshot, flow, NOON);
    var record =
        new CheckRecord(
            "d:1",
            "t",
            NOON,
            Samples.CHECKOUT,
            workload,
            IpAddress.parse(Samples.POD),
            flow,
            decision,
            repeated);
    var connection =
        new CheckFacts.Connection(
            layer,
            Protocol.TCP,
            new SocketEnd(IpAddress.parse(pod), port),
            new SocketEnd(to, 5_432),
            null,
            null,
            null,
            0,
            "node-1",
            "1");
    return new Answered(record, null, connection, snapshot, null, NOON, 0, 0);
  }

  @Test
  void look_permissionTakenAway_endsWhatIsOpen() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      flows.answered(allowed(40_001));
      desk.look();
      assertThat(sent).noneMatch(ServerMessage::hasRevocation);

      var none = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
      policy.decideBy(new Snapshot(Mode.SHADOW, false, null, none));
      desk.look();
      assertThat(sent).as("shadow ends nothing").noneMatch(ServerMessage::hasRevocation);
      policy.decideBy(new Snapshot(Mode.ENFORCE, false, none, null));
      desk.look();

      assertThat(sent)
          .filteredOn(ServerMessage::hasRevocation)
          .singleElement()
          .satisfies(
              message -> {
                var connection = message.getRevocation().getConnections(0);
                assertThat(connection.getPodId()).isEqualTo("net:[1]");
                assertThat(connection.getSourcePort()).isEqualTo(40_001);
                assertThat(connection.getDestinationPort()).isEqualTo(5_432);
                assertThat(connection.getDestinationAddress()).isEqualTo(bytes(Samples.DATABASE));
              });
      assertThat(flows.size()).isZero();
    }
  }

  private Answered request(int port, int toPort) {
    return answered(CheckFacts.Layer.L7, Samples.POD, port, toPort);
  }

  private static Edge edge(int toPort, @Nullable Instant until) {
    var to =
        new DestinationPattern.Exact(
            "shop/statefulset/orders-db", Evidence.OWNER, toPort, Protocol.TCP);
    return until == null
        ? Edge.learned(Samples.APP.processClass(), to)
        : Edge.inGrace(Samples.APP.processClass(), to, new Provenance.Grace("test", until));
  }

  private void enforce(Edge... edges) {
    var rules = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of(edges)), List.of());
    policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));
  }

  private List<String> ended() {
    return ended(flows);
  }

  /** Those that lose their permission, as pod and port; they are gone then. */
  private List<String> ended(OpenFlows of) {
    var revoked = of.revoked(policy, _ -> true);
    revoked.forEach(OpenFlows.Revoked::ended);
    return revoked.stream().map(one -> one.connection().source().toString()).toList();
  }

  /** Envoy answers it with 403, and what runs on the connection goes on. */
  @Test
  void flows_requestRefusedMeanwhile_areRememberedAllTheSame() {
    enforce(edge(5_432, null));
    flows.answered(request(1, 5_432));
    flows.answered(request(1, 9_999));
    enforce();

    assertThat(ended()).containsExactly(Samples.POD + ":1");
  }

  @Test
  void flows_connectionRefused_isNotOpen() {
    enforce(edge(5_432, null));
    flows.answered(allowed(1));
    enforce();
    flows.answered(allowed(1));

    assertThat(flows.size()).isZero();
  }

  @Test
  void flows_requestsToSeveralDestinations_endWithTheFirstThatLosesItsPermission() {
    enforce(edge(5_432, null), edge(5_433, null));
    flows.answered(request(1, 5_432));
    flows.answered(request(1, 5_433));
    flows.answered(request(2, 5_433));
    assertThat(ended()).isEmpty();

    enforce(edge(5_433, null));

    assertThat(ended()).containsExactly(Samples.POD + ":1");
    assertThat(flows.size()).isEqualTo(1);
  }

  @Test
  void flows_requestsToMoreDestinationsThanAreRemembered_endWithTheNextChange() {
    var edges = IntStream.range(0, 6).mapToObj(i -> edge(5_432 + i, null)).toArray(Edge[]::new);
    enforce(edges);
    for (var i = 0; i < edges.length; i++) {
      flows.answered(request(1, 5_432 + i));
      if (i < 4) {
        flows.answered(request(2, 5_432 + i));
      }
    }
    assertThat(ended()).isEmpty();

    enforce(edges);

    assertThat(ended()).containsExactly(Samples.POD + ":1");
  }

  /** Its connection's Check did not say it. */
  @Test
  void flows_requestsThatAlsoSayTheirService_takeNoPlaceOfOtherDestinations() {
    var edges = IntStream.range(0, 4).mapToObj(i -> edge(5_432 + i, null)).toArray(Edge[]::new);
    enforce(edges);
    flows.answered(allowed(1));
    for (var i = 0; i < edges.length; i++) {
      flows.answered(
          answered(CheckFacts.Layer.L7, Samples.POD, 1, 5_432 + i, "outbound|5432||orders-db"));
    }
    assertThat(ended()).isEmpty();

    enforce(edges);

    assertThat(ended()).isEmpty();
  }

  /** To where its connection's Check was allowed already, so it is no news for the learner. */
  @Test
  void flows_requestThatAlsoSaysItsService_endWhenThatIsDenied() {
    enforce(edge(5_432, null));
    for (var port = 1; port <= 3; port++) {
      flows.answered(allowed(port));
    }
    flows.answered(repeatedRequest(1, "outbound|5432||orders-db"));
    flows.answered(repeatedRequest(2, "outbound|5432||orders-db-read"));
    assertThat(ended()).isEmpty();

    var denied =
        HandRule.of(
            ProcessPattern.ANY,
            new DestinationPattern.Exact("orders-db", Evidence.MESH_SERVICE, 5_432, Protocol.TCP),
            Strictness.CLASS,
            null,
            null,
            new Provenance.ByHand("ada", "test", null));
    var rules =
        Snapshot.Rules.of(
            Baseline.of(Samples.OWNER, null, List.of(edge(5_432, null))),
            List.of(),
            new HandRules(List.of(), List.of(denied)));
    policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));

    assertThat(ended()).containsExactly(Samples.POD + ":1");
  }

  private Answered repeatedRequest(int port, String cluster) {
    return answered(CheckFacts.Layer.L7, Samples.POD, port, 5_432, cluster, true);
  }

  @Test
  void flows_permissionWithAnEnd_endThenWithoutAnyChange() {
    var now = new Instant[] {NOON};
    var its = new OpenFlows(() -> now[0]);
    enforce(edge(5_432, NOON.plusSeconds(60)), edge(5_433, null));
    its.answered(allowed(1));
    its.answered(request(2, 5_433));
    assertThat(its.revoked(policy, _ -> true)).isEmpty();
    now[0] = NOON.plusSeconds(59);
    assertThat(its.revoked(policy, _ -> true)).isEmpty();

    now[0] = NOON.plusSeconds(60);

    assertThat(ended(its)).containsExactly(Samples.POD + ":1");
  }

  @Test
  void flows_oneThatCannotBeDecided_isEnded_andTheOthersAreDecided() {
    var now = new Instant[] {NOON};
    var its = new OpenFlows(() -> now[0]);
    enforce(edge(5_432, NOON.plusSeconds(60)), edge(5_433, null), edge(5_434, null));
    its.answered(allowed(1));
    its.answered(request(2, 5_433));
    its.answered(request(3, 5_434));
    enforce(edge(5_432, NOON.plusSeconds(60)), edge(5_434, null));

    now[0] = null; // whoever looks at the time fails

    assertThat(ended(its)).containsExactlyInAnyOrder(Samples.POD + ":1", Samples.POD + ":2");
    assertThat(its.size()).isOne();
  }

  @Test
  void flows_whileNoBridgeHasTheirPod_stay() {
    enforce(edge(5_432, null));
    flows.answered(allowed(1));
    enforce();

    assertThat(flows.revoked(policy, _ -> false)).isEmpty();
    assertThat(ended()).containsExactly(Samples.POD + ":1");
  }

  @Test
  void look_manyLoseTheirPermission_areToldInFewMessages() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      enforce(edge(5_432, null));
      for (var port = 1; port <= 2_500; port++) {
        flows.answered(allowed(port));
      }
      enforce();
      desk.look();

      assertThat(sent)
          .filteredOn(ServerMessage::hasRevocation)
          .extracting(message -> message.getRevocation().getConnectionsCount())
          .containsExactly(1_024, 1_024, 452);
    }
  }

  /** It stayed for ever where the workload had another connection: that one was looked at. */
  @Test
  void look_allowedByWhatHasChangedSince_andToldOnlyThen_isEnded() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      policy.decideBy(Samples.snapshot(Mode.ENFORCE));
      flows.answered(allowed(40_001));
      var late = allowed(40_002);
      var none = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
      policy.decideBy(new Snapshot(Mode.ENFORCE, false, none, null));
      desk.look();

      flows.answered(late);
      desk.look();

      assertThat(sent)
          .filteredOn(ServerMessage::hasRevocation)
          .extracting(message -> message.getRevocation().getConnections(0).getSourcePort())
          .containsExactly(40_001, 40_002);
      assertThat(flows.size()).isZero();
    }
  }

  /** All that lose their permission, as pod and port. */
  private List<String> revoked(OpenFlows of) {
    var none = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
    policy.decideBy(new Snapshot(Mode.ENFORCE, false, none, null));
    return ended(of);
  }

  @Test
  void flows_moreThanAreRemembered_areTheLatest() {
    var few = new OpenFlows(() -> NOON, System::nanoTime, 10);
    for (var port = 1_001; port <= 1_050; port++) {
      few.answered(allowed(port));
    }
    few.answered(allowed(1_041)); // another with the ends of one before, which closed

    assertThat(few.size()).isEqualTo(10);
    assertThat(few.forgotten()).isEqualTo(40);
    assertThat(revoked(few)).first().isEqualTo(Samples.POD + ":1042");
    assertThat(few.size()).isZero();
  }

  @Test
  void flows_ofOnePodThatOpensMany_takeNoPlaceOfAnother() {
    var few = new OpenFlows(() -> NOON, System::nanoTime, 10);
    for (var port = 1; port <= 3; port++) {
      few.answered(allowed("10.88.9.9", port));
    }
    for (var port = 1_001; port <= 1_100; port++) {
      few.answered(allowed(port));
    }
    for (var port = 4; port <= 5; port++) {
      few.answered(allowed("10.88.9.9", port));
    }

    assertThat(few.size()).isEqualTo(10);
    assertThat(few.forgotten()).isEqualTo(95);
    assertThat(revoked(few))
        .containsExactlyInAnyOrder(
            "10.88.9.9:1",
            "10.88.9.9:2",
            "10.88.9.9:3",
            "10.88.9.9:4",
            "10.88.9.9:5",
            Samples.POD + ":1096",
            Samples.POD + ":1097",
            Samples.POD + ":1098",
            Samples.POD + ":1099",
            Samples.POD + ":1100");
  }

  private Answered undecided(int port) {
    var allowed = allowed(port);
    var record = allowed.record();
    var passed = new Decision(new Verdict.Allow(null), null, Mode.OBSERVE, null, null);
    return new Answered(
        new CheckRecord(
            record.decisionId(),
            record.traceId(),
            record.time(),
            record.reporter(),
            record.workload(),
            record.replica(),
            null,
            passed,
            false),
        new Reason.Deadline(),
        allowed.facts(),
        null,
        null,
        NOON,
        0,
        0);
  }

  @Test
  void flows_passedUndecided_endWhenEnforcementBegins_unlessTheirProcessBecameKnown() {
    var late = allowed(2).record();
    flows.answered(undecided(1));
    flows.answered(undecided(2));
    flows.answered(
        new Answered(
            late.late(requireNonNull(late.flow()), late.decision().subject()),
            null,
            allowed(2).facts(),
            null,
            null,
            NOON,
            0,
            0));
    policy.decideBy(Samples.snapshot(Mode.OBSERVE));
    assertThat(flows.revoked(policy, _ -> true)).isEmpty();

    policy.decideBy(Samples.snapshot(Mode.ENFORCE));

    assertThat(ended()).containsExactly(Samples.POD + ":1");
    assertThat(flows.size()).isEqualTo(1);
    assertThat(revoked(flows)).containsExactly(Samples.POD + ":2");
  }

  @Test
  void flows_afterADay_areForgotten() {
    var nanos = new long[1];
    var old = new OpenFlows(() -> NOON, () -> nanos[0], 10);
    old.answered(allowed(1));
    nanos[0] = Duration.ofDays(1).toNanos();
    assertThat(old.revoked(policy, _ -> true)).isEmpty();
    assertThat(old.size()).isEqualTo(1);

    nanos[0]++;
    assertThat(revoked(old)).isEmpty();
    assertThat(old.size()).isZero();
    assertThat(old.forgotten()).isEqualTo(1);
  }

  /** What was said of connections to end since the last look at it. */
  private List<Revocation> revocations() {
    var found =
        sent.stream()
            .filter(ServerMessage::hasRevocation)
            .map(ServerMessage::getRevocation)
            .toList();
    sent.clear();
    return found;
  }

  private static RevocationDone done(Revocation revocation) {
    return RevocationDone.newBuilder().setId(revocation.getId()).build();
  }

  /** It was lost: the server had forgotten the connection with the message. */
  @Test
  void look_revocationOnItsWayWhenTheStreamEnded_isSaidAgainOnTheNext() {
    try (var desk = desk()) {
      var before = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();
      desk.look();
      desk.look();
      assertThat(revocations()).as("once on each stream").hasSize(1);
      hub.detach(before, "cut");
      desk.look();
      assertThat(revocations()).isEmpty();

      var next = attached("10.1.0.1", true);
      desk.look();

      var again = revocations();
      assertThat(again)
          .singleElement()
          .satisfies(one -> assertThat(one.getConnections(0).getSourcePort()).isEqualTo(1));
      next.revoked(done(again.getFirst()));
      assertThat(flows.size()).isZero();
    }
  }

  @Test
  void look_revocationThatIsDone_isForgottenAndNotSaidAgain() {
    try (var desk = desk()) {
      var current = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      flows.answered(allowed(2));
      enforce();
      desk.look();
      assertThat(flows.size()).isEqualTo(2);

      current.revoked(RevocationDone.newBuilder().setId(99).build());
      assertThat(flows.size()).as("of another message").isEqualTo(2);
      current.revoked(done(revocations().getFirst()));

      assertThat(flows.size()).isZero();
      hub.detach(current, "cut");
      attached("10.1.0.1", true);
      desk.look();
      assertThat(revocations()).isEmpty();
    }
  }

  /** It would be said with each new certificate of the bridge, for a day. */
  @Test
  void look_bridgeThatNeverSaysDone_isToldOnce() {
    try (var desk = desk()) {
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();
      desk.look();
      assertThat(revocations()).hasSize(1);
      assertThat(flows.size()).isZero();

      attached("10.1.0.1");
      desk.look();

      assertThat(revocations()).isEmpty();
    }
  }

  /** A mistake that is taken back before the bridge is there again. */
  @Test
  void look_allowedAgainBeforeTheNextStream_isNotSaidAgain() {
    try (var desk = desk()) {
      var before = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();
      desk.look();
      hub.detach(before, "cut");
      sent.clear();

      enforce(edge(5_432, null));
      attached("10.1.0.1", true);
      desk.look();

      assertThat(revocations()).isEmpty();
      assertThat(flows.size()).isEqualTo(1);
    }
  }

  /** The one before has closed, or these ends could not be had. */
  @Test
  void look_anotherConnectionWithTheSameEnds_isKeptWhenTheOneBeforeIsGone() {
    try (var desk = desk()) {
      var current = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      enforce();
      desk.look();

      enforce(edge(5_432, null));
      flows.answered(allowed(1));
      current.revoked(done(revocations().getFirst()));
      assertThat(flows.size()).isEqualTo(1);

      enforce();
      desk.look();
      assertThat(revocations()).as("which can lose its permission as well").hasSize(1);
    }
  }

  /**
   * So the bridge can tell a later one with the same ends, which another server may have allowed.
   */
  @Test
  void revoked_saysHowLongAgoItWasAllowedLast() {
    var nanos = new long[1];
    var its = new OpenFlows(() -> NOON, () -> nanos[0], 10);
    enforce(edge(5_432, null));
    its.answered(allowed(1));
    nanos[0] = Duration.ofMinutes(5).toNanos();
    enforce();

    assertThat(its.revoked(policy, _ -> true))
        .singleElement()
        .extracting(OpenFlows.Revoked::seenAgo)
        .isEqualTo(Duration.ofMinutes(5));
  }

  /** More than a bridge has room for would stay open there. */
  @Test
  void look_moreThanABridgeHasRoomFor_areSaidAsOthersAreDone() {
    try (var desk = desk()) {
      var current = attached("10.1.0.1", true);
      enforce(edge(5_432, null));
      for (var port = 1; port <= Revocations.MAX_TOLD + 1_000; port++) {
        flows.answered(allowed(port));
      }
      enforce();
      desk.look();
      desk.look();
      var first = revocations();
      assertThat(first).hasSize(Revocations.MAX_TOLD / 1_024);

      current.revoked(done(first.getFirst()));
      desk.look();

      assertThat(revocations())
          .singleElement()
          .extracting(Revocation::getConnectionsCount)
          .isEqualTo(1_000);
    }
  }

  @Test
  void look_permissionStays_endsNothing() {
    try (var desk = desk(NetworkTarget.parse("10.96.0.10:53"))) {
      flows.answered(allowed(40_001));
      policy.decideBy(Samples.snapshot(Mode.ENFORCE));
      desk.look();
      policy.decideBy(Samples.snapshot(Mode.ENFORCE));
      desk.look();
      assertThat(sent).noneMatch(ServerMessage::hasRevocation);
      assertThat(flows.size()).isEqualTo(1);
    }
  }
}
