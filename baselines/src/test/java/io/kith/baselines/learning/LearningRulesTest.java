package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.address;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.learner;
import static io.kith.baselines.learning.Sights.pod;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is learned, what is not, and when learning ends; each rule with its attacker. */
class LearningRulesTest {
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final LearningSettings UNATTENDED = DEFAULTS.unattended(Duration.ofDays(7));
  private static final Candidate APP = program("/app", "sha256:1");
  private static final Candidate SHELL = program("/bin/bash", "sha256:1", "/app");
  private static final Destination DB = service("db.shop.svc.cluster.local");
  private static final Destination PSP = external("api.psp.example");

  @Test
  void proposeAt_workloadThatNeverSpoke_isReadyAfterADayWithNothing() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(pod("a", START, "sha256:1"));

    assertThat(learner.waitsFor(after("23H"))).isNotEmpty();
    assertThat(requireNonNull(learner.proposeAt(after("24H"))).baseline().edges()).isEmpty();
  }

  @Test
  void waitsFor_aNewEdge_isOneMoreDay() {
    var learner = steady(DEFAULTS);
    steadily(learner, service("late.shop.svc.cluster.local"), after("20H"), after("26H"));

    assertThat(learner.waitsFor(after("30H"))).containsExactly("14 h more without a new edge");
    assertThat(learner.waitsFor(after("45H"))).isEmpty();
  }

  @Test
  void waitsFor_whatAnIntruderDoes_doesNotProlongLearning() {
    var learner = steady(DEFAULTS);
    learner.observe(seen(SHELL, DB, "a", after("20H")));
    learner.observe(seen(APP, external("c2.evil.example"), "a", after("21H")));
    learner.observe(seen(APP, address("203.0.113.66", 443), "a", after("22H")));

    assertThat(learner.waitsFor(after("25H"))).isEmpty();
  }

  @Test
  void waitsFor_edgesSeenOnce_saysHowMuchIsUnseen() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(pod("a", START, null));
    for (var i = 0; i < 3; i++) {
      learner.observe(seen(APP, service("s" + i + ".shop.svc.cluster.local"), "a", after("1H")));
    }

    assertThat(learner.waitsFor(after("48H")))
        .containsExactly("less to be unseen: an estimated 100.0 % of the traffic (at most 0.5 %)");
  }

  @Test
  void waitsFor_job_isThreeRunsAndTwoQuietDays() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var run = 0; run < 2; run++) {
      run(learner, run);
    }
    assertThat(learner.waitsFor(after("50H"))).containsExactly("2 of 3 runs");

    run(learner, 2);
    assertThat(learner.waitsFor(after("50H"))).isEmpty();
  }

  @Test
  void standing_job_needsTwoRuns() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    run(learner, 0);
    assertThat(state(learner, APP, DB)).isEqualTo(EdgeState.OBSERVED);

    run(learner, 1);
    assertThat(state(learner, APP, DB)).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void standing_loneReplica_neverAddsAnEdge() {
    var learner = steady(DEFAULTS);
    steadily(learner, service("payment.shop.svc.cluster.local"), after("2H"), after("20H"), "a");

    assertThat(why(learner, APP, service("payment.shop.svc.cluster.local"), after("24H")))
        .isEqualTo("seen on 1 of 2 replicas");
  }

  @Test
  void standing_toolOnAFewPods_isQuarantined() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var pod : List.of("a", "b", "c", "d")) {
      learner.started(pod(pod, START, null));
    }
    learner.observe(seen(SHELL, DB, "a", after("1H")));
    learner.observe(seen(SHELL, DB, "b", after("1H")));

    assertThat(why(learner, SHELL, DB, after("2H")))
        .isEqualTo("a shell or tool on 50 % of the pods (80 % needed)");
  }

  @Test
  void standing_metadataService_needsNearlyAllPodsOrThreeDays() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var pod : List.of("a", "b", "c", "d")) {
      learner.started(pod(pod, START, null));
    }
    var metadata = address("169.254.169.254", 80);
    learner.observe(seen(APP, metadata, "a", after("1H")));
    learner.observe(seen(APP, metadata, "b", after("1H")));
    assertThat(state(learner, APP, metadata)).isEqualTo(EdgeState.QUARANTINED);

    learner.observe(seen(APP, metadata, "a", after("25H")));
    learner.observe(seen(APP, metadata, "a", after("49H")));
    assertThat(state(learner, APP, metadata)).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void standing_startUpEdgeOfASingleReplica_needsOnlyToBeThereAtEveryStart() {
    var learner = learner(UNATTENDED, Vouchers.NONE);
    learner.started(pod("a", START, null));
    learner.observe(seen(APP, external("plugins.example"), "a", after("1M")));

    assertThat(state(learner, APP, external("plugins.example"))).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void standing_externalName_needsAVoucherOrAReviewer_unlessUnattended() {
    assertThat(state(steadyTo(DEFAULTS, PSP), APP, PSP)).isEqualTo(EdgeState.QUARANTINED);
    assertThat(state(steadyTo(UNATTENDED, PSP), APP, PSP)).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void standing_unattended_lateExternalNameOnHalfOfThePods_isQuarantined() {
    var learner = learner(UNATTENDED, Vouchers.NONE);
    for (var pod : List.of("a", "b", "c", "d")) {
      learner.started(pod(pod, START, "sha256:1"));
    }
    steadily(learner, PSP, after("30H"), after("100H"), "a", "b");

    assertThat(why(learner, APP, PSP, after("120H")))
        .isEqualTo("an external name that appeared late, on 50 % of the pods (80 % needed)");
  }

  @Test
  void standing_publicAddress_neverWithoutAReviewer() {
    var bare = address("203.0.113.9", 443);

    assertThat(state(steadyTo(UNATTENDED, bare), APP, bare)).isEqualTo(EdgeState.QUARANTINED);
  }

  /** A malicious dependency is in the same build in QA and in production. */
  @Test
  void vouch_externalName_needsAnotherImage() {
    var qa = steadyTo(DEFAULTS, PSP);
    var production = learner(DEFAULTS, new EnvironmentVouchers(qa));
    production.observe(seen(APP, PSP, "a", after("1H")));
    assertThat(state(production, APP, PSP)).isEqualTo(EdgeState.QUARANTINED);

    steadily(qa, program("/app", "sha256:2"), PSP, after("30H"), after("40H"), "a", "b");
    assertThat(state(production, APP, PSP)).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void vouch_service_standsInForSupport() {
    var production = learner(DEFAULTS, new EnvironmentVouchers(steady(DEFAULTS)));
    production.observe(seen(APP, DB, "a", after("1H")));

    assertThat(state(production, APP, DB)).isEqualTo(EdgeState.CANDIDATE);
  }

  /** Members of a pattern that are approved do not speak for one that an intruder adds. */
  @Test
  void vouch_oneMemberOfAPattern_saysNothingOfTheOthers() {
    var qa = learner(DEFAULTS, Vouchers.NONE);
    for (var node = 10; node < 14; node++) {
      steadily(qa, address("192.168.60." + node, 9_100), after("1H"), after("20H"));
    }
    var production = learner(DEFAULTS, new EnvironmentVouchers(qa));
    for (var node : List.of(10, 11, 12, 13, 222)) {
      production.observe(seen(APP, address("192.168.60." + node, 9_100), "a", after("1H")));
    }

    assertThat(state(production, APP, address("192.168.60.222", 9_100)))
        .isEqualTo(EdgeState.OBSERVED);
  }

  /** Enforced, attended: neither time nor replicas confirm what was denied. */
  @Test
  void confirm_attended_onlyVouchersAndPeople() {
    var learner = steady(DEFAULTS);
    requireNonNull(learner.proposeAt(after("30H")));
    var late = service("payment.shop.svc.cluster.local");
    steadily(learner, late, after("31H"), after("400H"));

    assertThat(learner.confirm(APP.processClass(), Exact.of(late), after("400H"))).isNull();
    assertThat(learner.approve(APP.processClass(), Exact.of(late))).isNotNull();
  }

  @Test
  void confirm_unattended_whatANewVersionDoesOnAllItsPods() {
    var learner = steady(UNATTENDED);
    learner.proposeAt(after("170H"));
    var added = service("ratings.shop.svc.cluster.local");
    var version2 = program("/app", "sha256:2");
    learner.started(pod("c", after("171H"), "sha256:2"));
    learner.started(pod("d", after("171H"), "sha256:2"));
    steadily(learner, version2, added, after("172H"), after("180H"), "c", "d");
    assertThat(learner.confirm(APP.processClass(), Exact.of(added), after("180H"))).isNull();

    steadily(learner, version2, added, after("181H"), after("185H"), "c", "d");
    assertThat(learner.confirm(APP.processClass(), Exact.of(added), after("185H"))).isNotNull();
  }

  @Test
  void confirm_unattended_intruderOnOneOfTwoPods_never() {
    var learner = steady(UNATTENDED);
    learner.proposeAt(after("170H"));
    var added = service("payment.shop.svc.cluster.local");
    steadily(learner, added, after("172H"), after("600H"), "a");

    assertThat(learner.confirm(APP.processClass(), Exact.of(added), after("600H"))).isNull();
  }

  /** A pod is known by the image of its main container: no pod is of the image of another. */
  @Test
  void confirm_unattended_intruderInAnotherContainerOfOneOfTwoPods_never() {
    var learner = steady(UNATTENDED);
    learner.proposeAt(after("170H"));
    var added = service("payment.shop.svc.cluster.local");
    var agent = program("/agent", "sha256:agent");
    steadily(learner, agent, added, after("172H"), after("600H"), "a");

    assertThat(learner.confirm(agent.processClass(), Exact.of(added), after("600H"))).isNull();
  }

  @Test
  void circumstances_newImage_isInGraceForADay() {
    var learner = steady(DEFAULTS);
    learner.started(pod("c", after("50H"), "sha256:2"));

    assertThat(learner.circumstances(after("51H")).rollouts())
        .containsExactly(java.util.Map.entry("sha256:2", after("74H")));
    assertThat(learner.circumstances(after("74H")).rollouts()).isEmpty();
  }

  /** A known process that goes to ports of a known server that the server cannot have opened. */
  @Test
  void observe_morePortsThanStarts_isQuarantined() {
    var starts = new java.util.concurrent.atomic.AtomicInteger(4);
    var learner =
        new Learner(
            Sights.SHOP, Origin.IMAGE, DEFAULTS, Sights.SUFFIXES, Vouchers.NONE, _ -> starts.get());
    learner.started(pod("a", START, null));
    for (var n = 0; n < 4; n++) {
      steadily(learner, jmx(40_001 + n), after(n * 5 + "H"), after((n * 5 + 4) + "H"), "a");
    }
    var proposal = requireNonNull(learner.proposeAt(after("60H")));
    assertThat(proposal.baseline().edges()).hasSize(1);

    learner.observe(seen(APP, jmx(50_000), "a", after("61H")));
    assertThat(learner.edges())
        .filteredOn(edge -> edge.state() == EdgeState.QUARANTINED)
        .extracting(LearnedEdge::why)
        .containsExactly("more dynamic ports than the destination had starts");

    starts.incrementAndGet();
    learner.observe(seen(APP, jmx(50_001), "a", after("62H")));
    var ports = learner.circumstances(after("62H")).ports().values().iterator().next();
    assertThat(ports.known()).contains(50_001).doesNotContain(50_000);
    assertThat(ports.openings()).isZero();
  }

  @Test
  void waitsFor_window_isAllThatCounts_alsoBeyondTheMaximum() {
    var learner = learner(DEFAULTS.unattended(Duration.ofDays(20)), Vouchers.NONE);
    learner.started(pod("a", START, null));

    assertThat(learner.waitsFor(after("400H")))
        .containsExactly("80 h more of observation, or the end of a test run");
    assertThat(learner.waitsFor(after("480H"))).isEmpty();
  }

  private static Destination jmx(int port) {
    return new Destination(
        "carts.shop.svc.cluster.local",
        io.kith.baselines.destination.Evidence.MESH_SERVICE,
        io.kith.baselines.identity.IpAddress.parse("10.43.0.8"),
        port,
        io.kith.baselines.destination.Protocol.TCP);
  }

  @Test
  void age_edgeOutOfUse_isStaleAndThenGone() {
    var learner = steady(DEFAULTS);
    var proposal = requireNonNull(learner.proposeAt(after("30H")));
    assertThat(proposal.baseline().edges()).hasSize(1);

    assertThat(learner.age(after("720H"))).isNull();
    assertThat(why(learner, APP, DB, after("800H"))).startsWith("not seen since");
    assertThat(requireNonNull(learner.age(after("1500H"))).edges()).isEmpty();
  }

  /** A workload that ran for an hour after a year at rest has not ignored an edge for a year. */
  @Test
  void unusedAt_countsRunningTimeOnly() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(new Instance("a", START, after("24H"), "sha256:1", false));
    learner.started(new Instance("late", after("9000H"), null, "sha256:1", false));
    steadily(learner, DB, START, after("23H"), "a");
    learner.decided(baseline(Edge.learned(APP.processClass(), Exact.of(DB))));

    assertThat(learner.unusedAt(after("9001H"), 1)).isEmpty();
    assertThat(learner.idleSince(after("9000H"), after("9001H"))).isEqualTo(Duration.ofHours(1));
    assertThat(learner.unusedAt(after("9730H"), 1)).hasSize(1);
    assertThat(learner.unusedAt(after("9730H"), 2)).isEmpty();
    assertThat(learner.unusedAt(after("10450H"), 2)).hasSize(1);
  }

  @Test
  void confirmedAt_underEnforce_takesOnlyWhatNeedsNobodysAnswer() {
    var learner = steady(DEFAULTS);
    assertThat(learner.confirmedAt(after("30H"))).as("nothing is decided yet").isEmpty();
    learner.decided(baseline());

    assertThat(learner.confirmedAt(after("30H"))).as("a person is asked by default").isEmpty();

    var unattended = steady(UNATTENDED);
    assertThat(unattended.confirmedAt(after("200H"))).as("nothing is decided yet").isEmpty();
    unattended.decided(baseline());
    assertThat(unattended.confirmedAt(after("200H")))
        .singleElement()
        .satisfies(edge -> assertThat(edge.state()).isEqualTo(EdgeState.APPROVED));
  }

  @Tag("random")
  @Test
  void merge_anySplitInAnyOrder_learnsTheSame() {
    var all = new ArrayList<Observation>();
    var destinations = new ArrayList<Destination>(List.of(DB, PSP));
    for (var i = 0; i < 12; i++) {
      destinations.add(external("s" + i + ".cdn.example"));
      destinations.add(address("10.0.7." + (10 + i), 9_100));
    }
    for (var i = 0; i < 3_000; i++) {
      all.add(
          seen(
              program("/app", "sha256:" + i % 3),
              destinations.get(i % destinations.size()),
              "pod-" + i % 150,
              START.plusSeconds(i * 137L)));
    }
    var expected = learner(DEFAULTS, Vouchers.NONE);
    all.forEach(expected::observe);

    for (var seed = 0; seed < 10; seed++) {
      var random = new Random(seed);
      Collections.shuffle(all, random);
      var parts = new ArrayList<Learner>();
      for (var i = 0; i < 4; i++) {
        parts.add(learner(DEFAULTS, Vouchers.NONE));
      }
      all.forEach(one -> parts.get(random.nextInt(4)).observe(one));
      var merged = learner(DEFAULTS, Vouchers.NONE);
      parts.forEach(merged::merge);

      assertThat(merged.edges()).as("seed %d", seed).isEqualTo(expected.edges());
      assertThat(merged.deficit()).as("seed %d", seed).isEqualTo(expected.deficit());
    }
  }

  @Test
  void observe_clockThatGoesBack_neitherThrowsNorUnlearns() {
    var learner = steady(DEFAULTS);
    var before = learner.edges().getFirst().evidence();

    learner.observe(seen(APP, DB, "a", Instant.EPOCH));
    learner.observe(seen(APP, DB, "a", Instant.parse("2100-01-01T00:00:00Z")));
    learner.observe(seen(APP, DB, "a", after("3H")));

    var evidence = learner.edges().getFirst().evidence();
    assertThat(evidence.connections()).isEqualTo(before.connections() + 3);
    assertThat(evidence.replicas()).containsExactlyInAnyOrder("a", "b");
    assertThat(learner.waitsFor(Instant.EPOCH)).isNotEmpty();
  }

  @Tag("slow")
  @Test
  void observe_tenMillionDestinationsOfOneProcess_staysBounded() {
    var learner = steady(DEFAULTS);
    var address = io.kith.baselines.identity.IpAddress.parse("198.51.100.9");
    var scanner = program("/opt/scan", "sha256:1");
    for (var i = 0; i < 10_000_000; i++) {
      learner.observe(
          seen(
              scanner,
              new Destination(
                  "n" + i,
                  io.kith.baselines.destination.Evidence.CLIENT_NAME,
                  address,
                  443,
                  io.kith.baselines.destination.Protocol.TCP),
              "a",
              START));
    }

    assertThat(learner.edges()).hasSize(1 + DEFAULTS.maxEdgesPerClass());
    assertThat(learner.dropped()).isEqualTo(10_000_000 - DEFAULTS.maxEdgesPerClass());
    learner.observe(seen(APP, service("new.shop.svc.cluster.local"), "a", after("30H")));
    assertThat(state(learner, APP, service("new.shop.svc.cluster.local")))
        .isEqualTo(EdgeState.OBSERVED);
  }

  /** A workload of two pods that calls its database every hour of its first day. */
  private static Learner steady(LearningSettings settings) {
    return steadyTo(settings, DB);
  }

  private static Learner steadyTo(LearningSettings settings, Destination destination) {
    var learner = learner(settings, Vouchers.NONE);
    learner.started(pod("a", START, "sha256:1"));
    learner.started(pod("b", START, "sha256:1"));
    steadily(learner, destination, START, after("24H"));
    return learner;
  }

  private static void steadily(
      Learner learner, Destination destination, Instant from, Instant until) {
    steadily(learner, destination, from, until, "a", "b");
  }

  private static void steadily(
      Learner learner, Destination destination, Instant from, Instant until, String... pods) {
    steadily(learner, APP, destination, from, until, pods);
  }

  private static void steadily(
      Learner learner,
      Candidate process,
      Destination destination,
      Instant from,
      Instant until,
      String... pods) {
    for (var time = from; !time.isAfter(until); time = time.plus(Duration.ofHours(1))) {
      for (var pod : pods) {
        learner.observe(seen(process, destination, pod, time.plus(Duration.ofMinutes(10))));
      }
    }
  }

  private static Baseline baseline(Edge... edges) {
    return Baseline.of(Owner.parse("shop/deployment/app"), null, List.of(edges));
  }

  private static void run(Learner learner, int number) {
    var start = START.plus(Duration.ofMinutes(10L * number));
    learner.started(new Instance("run-" + number, start, start.plusSeconds(60), "sha256:1", true));
    learner.observe(seen(APP, DB, "run-" + number, start.plusSeconds(5)));
  }

  private static EdgeState state(Learner learner, Candidate process, Destination destination) {
    return requireNonNull(
            learner.edgeOf(process.processClass(), Exact.of(destination), after("100H")))
        .state();
  }

  private static String why(
      Learner learner, Candidate process, Destination destination, Instant now) {
    return requireNonNull(learner.edgeOf(process.processClass(), Exact.of(destination), now)).why();
  }
}
