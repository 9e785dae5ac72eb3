package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CHECKOUT_ID;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DB;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.store.LearnedPart;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What learning gains from pods that a bridge tells of. */
@Timeout(600)
class RunningPodsTest {
  private static final IpAddress ADDRESS = IpAddress.parse("10.88.1.2"); // of the Checks too
  private static final IpAddress OTHER = IpAddress.parse("fd88::2"); // of the same pod
  private static final String ONE = "sha256:" + "1".repeat(64);
  private static final String TWO = "sha256:" + "2".repeat(64);
  private static final SpiffeId STRANGER = SpiffeId.parse("spiffe://dev.kith.local/ns/x/sa/y");

  private final Shop.SettableClock clock = new Shop.SettableClock();
  private final List<RunningPod> pods = new ArrayList<>();
  private final ControlState state =
      ControlState.inMemory(
          Shop.directory(List.of(CHECKOUT, DB)),
          List.of(),
          LearningSettings.defaults(),
          clock,
          1_024,
          _ -> {});

  @BeforeEach
  void follow() {
    state.follow(source());
  }

  private PodSource source() {
    return new PodSource() {
      @Override
      public List<RunningPod> running() {
        return List.copyOf(pods);
      }

      @Override
      public @Nullable RunningPod running(IpAddress address) {
        return pods.stream()
            .filter(pod -> address.equals(pod.address()) || address.equals(OTHER))
            .findFirst()
            .orElse(null);
      }
    };
  }

  @AfterEach
  void close() {
    state.close();
  }

  private void runs(@Nullable Instant start, @Nullable String digest, SpiffeId... attested) {
    pods.clear();
    pods.add(new RunningPod(ADDRESS, Set.of(attested), start, digest));
  }

  private void check() throws Exception {
    state.record(answered(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), clock.instant()));
    state.flush();
  }

  private List<String> waitsFor() {
    return waitsFor(state, CHECKOUT.owner());
  }

  private static List<String> waitsFor(ControlState state, Owner owner) {
    return state.states().stream()
        .filter(workload -> workload.owner().equals(owner))
        .findFirst()
        .orElseThrow()
        .waitsFor();
  }

  private String learned() {
    return state.changedParts(true, 100).stream()
        .map(LearnedPart::body)
        .collect(Collectors.joining());
  }

  private Map<String, Instant> rollouts() {
    return state.snapshot(CHECKOUT).circumstances().rollouts();
  }

  @Test
  void tidy_podThatNeverSpeaks_startsTheClockOfLearning_whenItIsFirstWatched() {
    var before = waitsFor();
    runs(NOON.minus(Duration.ofDays(365)), null, CHECKOUT_ID);

    state.tidy();
    var first = waitsFor();
    clock.set(NOON.plus(Duration.ofHours(1)));
    state.tidy();

    assertThat(first).isNotEmpty().isNotEqualTo(before); // a year of age counts for nothing
    assertThat(first.getFirst()).contains("24 h");
    assertThat(waitsFor().getFirst()).contains("23 h");
  }

  @Test
  void tidy_samePodAgain_afterItsBridgeAttachedAgain_isCountedOnce() {
    runs(NOON.minusSeconds(120), null, CHECKOUT_ID);
    state.tidy();
    pods.clear(); // the bridge is gone for a while
    state.tidy();
    runs(NOON.minusSeconds(121), null, CHECKOUT_ID); // computed anew
    clock.set(NOON.plusSeconds(30));
    state.tidy();

    assertThat(learned()).contains("\"total\":1}").doesNotContain("\"total\":2");
  }

  @Test
  void tidy_laterStartAtTheSameAddress_isAnotherIncarnation() {
    runs(NOON.minusSeconds(120), null, CHECKOUT_ID);
    state.tidy();
    clock.set(NOON.plusSeconds(600));
    runs(NOON.plusSeconds(590), null, CHECKOUT_ID);
    state.tidy();

    assertThat(learned()).contains("\"total\":2}");
  }

  /** No pod counted as a run, and {@code jobRuns} did nothing in a server. */
  @Test
  void tidy_podsOfAJob_areItsRuns_byAddressAndStart() {
    var id = SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/report");
    var report = new Workload(Owner.parse("shop/cronjob/report"), "prod", Set.of(id));
    try (var jobs =
        ControlState.inMemory(
            Shop.directory(List.of(CHECKOUT, report)),
            List.of(),
            LearningSettings.defaults(),
            clock,
            1_024,
            _ -> {})) {
      jobs.follow(source());
      for (var run : List.of("1 of 3 runs", "2 of 3 runs")) {
        runs(clock.instant().minusSeconds(60), null, id);
        jobs.tidy();
        jobs.tidy(); // the same one

        assertThat(waitsFor(jobs, report.owner())).contains(run);
        clock.set(clock.instant().plus(Duration.ofHours(1)));
      }
      runs(clock.instant().minusSeconds(60), null, id);
      jobs.tidy();

      assertThat(waitsFor(jobs, report.owner())).noneMatch(words -> words.contains("runs"));
    }
  }

  @Test
  void tidy_anotherImageAtTheSameAddress_beginsARolloutAtOnce() {
    runs(NOON.minusSeconds(7_200), ONE, CHECKOUT_ID);
    state.tidy();
    assertThat(rollouts()).isEmpty();

    runs(NOON.minusSeconds(60), TWO, CHECKOUT_ID);
    state.tidy();

    assertThat(rollouts())
        .isEqualTo(
            Map.of(TWO, NOON.minusSeconds(60).plus(LearningSettings.defaults().upgradeGrace())));
  }

  /**
   * The fingerprint's image is the pod's, as the bridge tells both: grace works on a live server.
   */
  @Test
  void check_underEnforce_knownProcessOfANewImage_hasGraceInTheMesh_andNowhereElse()
      throws Exception {
    runs(NOON.minusSeconds(7_200), ONE, CHECKOUT_ID);
    state.tidy();
    state.record(
        answered(state.snapshot(CHECKOUT), flow(database(), of(PAYMENTS, ONE)), clock.instant()));
    state.flush();
    state.finishTestRun(CHECKOUT.owner(), "suite passed", "test");
    state.setMode(new ScopeName.One(CHECKOUT.owner()), Mode.ENFORCE, "ready", "test");
    assertThat(isAllowed(plainService(), PAYMENTS, ONE)).isFalse();
    assertThat(isAllowed(plainService(), PAYMENTS, TWO)).isFalse();

    runs(NOON.minusSeconds(60), TWO, CHECKOUT_ID);
    state.tidy();

    assertThat(isAllowed(plainService(), PAYMENTS, TWO)).isTrue();
    assertThat(isAllowed(plainService(), PAYMENTS, ONE)).as("the image before").isFalse();
    assertThat(isAllowed(plainService(), PAYMENTS, null)).as("no image known").isFalse();
    assertThat(isAllowed(plainService(), CURL, TWO)).as("another process").isFalse();
    assertThat(isAllowed(elsewhere(), PAYMENTS, TWO)).as("out of the mesh").isFalse();
    clock.set(NOON.plus(LearningSettings.defaults().upgradeGrace()));
    state.tidy();
    assertThat(isAllowed(plainService(), PAYMENTS, TWO)).as("when it is over").isFalse();
  }

  private static Resolved plainService() {
    return new Resolved(
        new Destination(
            "ratings.shop.svc.cluster.local",
            Evidence.MESH_SERVICE,
            IpAddress.parse("10.43.0.7"),
            8_080,
            Protocol.TCP),
        null);
  }

  private boolean isAllowed(Resolved destination, Candidate process, @Nullable String digest) {
    return Decider.decide(
                state.snapshot(CHECKOUT), flow(destination, of(process, digest)), clock.instant())
            .applied()
        instanceof Verdict.Allow;
  }

  private static Candidate of(Candidate process, @Nullable String digest) {
    var known = process.fingerprint();
    var fingerprint =
        new ProcessFingerprint(
            known.path(),
            known.sha256(),
            known.origin(),
            known.uid(),
            known.entryKind(),
            known.program(),
            known.script(),
            known.lineage(),
            known.container(),
            digest,
            known.injectedMappings(),
            known.execSession());
    return new Candidate(
        process.fingerprintId(),
        fingerprint,
        process.processClass(),
        process.quality(),
        process.attested());
  }

  @Test
  void tidy_identityOfNobodysWorkload_teachesNothing() {
    var before = waitsFor();
    runs(NOON.minusSeconds(60), ONE, STRANGER);

    state.tidy();

    assertThat(waitsFor()).isEqualTo(before);
  }

  @Test
  void record_soonAfterThePodStarted_isAnEdgeOfItsStart() throws Exception {
    runs(NOON.minusSeconds(120), null);

    check();

    assertThat(learned()).contains("\"steady\":false");
  }

  @Test
  void record_longAfterThePodStarted_isNone() throws Exception {
    runs(NOON.minusSeconds(360), null);

    check();

    assertThat(learned()).contains("\"steady\":true").doesNotContain("\"steady\":false");
  }

  @Test
  void record_overIpv4AndIpv6_ofOnePod_isOneReplica_withItsStartOrWithout() throws Exception {
    for (var start : new Instant[] {null, NOON.minusSeconds(3_600)}) {
      runs(start, null, CHECKOUT_ID);
      for (var address : List.of(ADDRESS, OTHER)) {
        var flow = flow(database(), CURL);
        state.record(
            answered(
                CHECKOUT,
                state.snapshot(CHECKOUT),
                flow,
                clock.instant(),
                address.toString(),
                false));
      }
      state.tidy();
      state.flush();

      assertThat(state.edges(CHECKOUT.owner()))
          .singleElement()
          .extracting(edge -> requireNonNull(edge.evidence()).replicas())
          .isEqualTo(Set.of(ADDRESS.toString()));
    }
    // a tool: kept back unless it is on 80 % of the pods
    assertThat(state.finishTestRun(CHECKOUT.owner(), "done", "tester").leftOut()).isEmpty();
  }

  @Test
  void record_podThatIsAttestedAnotherIdentity_lendsItsStartToNobody() throws Exception {
    runs(NOON.minusSeconds(120), ONE, STRANGER);

    check();

    assertThat(learned()).contains("\"steady\":true").doesNotContain(ONE);
  }
}
