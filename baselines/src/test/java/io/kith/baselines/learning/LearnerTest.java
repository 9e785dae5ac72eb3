package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Script;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LearnerTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final Destination DB =
      new Destination(
          "shop/statefulset/orders-db",
          io.kith.baselines.destination.Evidence.OWNER,
          IpAddress.parse("10.0.0.9"),
          5432,
          Protocol.TCP);

  private final Learner learner = new Learner(CHECKOUT, LearningSettings.defaults());

  @Test
  void finishTestRun_edgesWithoutRisk_areApproved() {
    learner.observe(seen(client(), DB, "pod-1", NOON));

    var proposal = learner.finishTestRun();

    assertThat(proposal.approved()).hasSize(1);
    assertThat(proposal.leftOut()).isEmpty();
    assertThat(proposal.baseline().edges().getFirst().words())
        .isEqualTo("/app/payments ← /sbin/init → shop/statefulset/orders-db:5432");
    assertThat(learner.edges().getFirst().state()).isEqualTo(EdgeState.APPROVED);
  }

  @Test
  void finishTestRun_whatAnIntruderWouldAdd_isLeftOutWithItsReason() {
    learner.observe(seen(client(), DB, "pod-1", NOON));
    learner.observe(seen(process("/tmp/x", Origin.WRITABLE_LAYER, false), DB, "pod-1", NOON));
    learner.observe(seen(process("/usr/bin/curl", Origin.IMAGE, true), DB, "pod-1", NOON));
    learner.observe(seen(inline(), DB, "pod-1", NOON));
    learner.observe(seen(client(), address("203.0.113.7"), "pod-1", NOON));
    learner.observe(seen(client(), external("evil.example"), "pod-1", NOON));
    learner.observe(seen(client(), DB, "pod-1", NOON, Quality.IMAGE_UNVERIFIED));

    var proposal = learner.finishTestRun();

    assertThat(proposal.approved()).hasSize(1);
    assertThat(proposal.leftOut())
        .map(LearnedEdge::why)
        .containsExactlyInAnyOrder(
            "the executable is not from the image (from: writable layer)",
            "it ran in an interactive session",
            "the code came from the command line or standard input",
            "a public address without a name needs a reviewer",
            "an external name needs a voucher or a reviewer",
            "the process could not be proved at that moment");
    assertThat(proposal.leftOut()).allMatch(edge -> edge.state() == EdgeState.QUARANTINED);
  }

  @Test
  void finishTestRun_workloadOnHosts_approvesCodeOfTheHostOnly() {
    var onHost = new Learner(CHECKOUT, Origin.HOST, LearningSettings.defaults());
    for (var origin : Origin.values()) {
      onHost.observe(seen(process("/opt/" + origin, origin, false), DB, "vm-1", NOON));
    }

    var proposal = onHost.finishTestRun();

    assertThat(proposal.approved()).map(LearnedEdge::process).containsExactly("/opt/HOST");
    assertThat(proposal.leftOut())
        .map(LearnedEdge::why)
        .hasSize(Origin.values().length - 1)
        .contains("the executable is not from the host (from: image)");
  }

  @Test
  void finishTestRun_codeOfTheHost_ofAWorkloadInContainers_isLeftOut() {
    learner.observe(seen(process("/opt/app", Origin.HOST, false), DB, "vm-1", NOON));

    assertThat(learner.finishTestRun().approved()).isEmpty();
  }

  @Test
  void finishTestRun_privateAddressWithoutName_isApproved() {
    learner.observe(seen(client(), address("10.1.2.3"), "pod-1", NOON));

    assertThat(learner.finishTestRun().approved()).hasSize(1);
  }

  @Test
  void edges_loneReplicaAmongMany_isNotSupported() {
    for (var pod : List.of("a", "b", "c", "d")) {
      learner.observe(seen(client(), DB, pod, NOON));
    }
    learner.observe(seen(process("/usr/bin/curl", Origin.IMAGE, false), DB, "a", NOON));

    assertThat(learner.edges())
        .extracting(LearnedEdge::state, LearnedEdge::why)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(EdgeState.CANDIDATE, "enough support"),
            org.assertj.core.groups.Tuple.tuple(EdgeState.OBSERVED, "seen on 1 of 2 replicas"));
  }

  @Test
  void edges_singleReplica_needsHoursAndSpan() {
    learner.observe(seen(client(), DB, "a", NOON));
    assertThat(learner.edges().getFirst().why()).isEqualTo("seen in 1 of 3 distinct hours");

    learner.observe(seen(client(), DB, "a", NOON.plus(Duration.ofHours(1))));
    learner.observe(seen(client(), DB, "a", NOON.plus(Duration.ofHours(2))));
    assertThat(learner.edges().getFirst().why()).isEqualTo("seen over 2 h of 6 h");

    learner.observe(seen(client(), DB, "a", NOON.plus(Duration.ofHours(6))));
    assertThat(learner.edges().getFirst().state()).isEqualTo(EdgeState.CANDIDATE);
  }

  @Test
  void proposeAt_beforeTheMinimum_saysWhatItWaitsFor() {
    assertThat(learner.waitsFor(NOON)).containsExactly("the first connection");

    learner.observe(seen(client(), DB, "a", NOON));

    assertThat(learner.proposeAt(NOON.plus(Duration.ofHours(3)))).isNull();
    assertThat(learner.waitsFor(NOON.plus(Duration.ofHours(3))))
        .containsExactly("21 h more of observation, or the end of a test run");
  }

  @Test
  void proposeAt_theMaximum_proposesWhatHasSupport() {
    learner.observe(seen(client(), DB, "a", NOON));

    var proposal = requireNonNull(learner.proposeAt(NOON.plus(Duration.ofDays(14))));

    assertThat(proposal.approved()).isEmpty();
    assertThat(proposal.leftOut()).hasSize(1);
  }

  @Test
  void observe_tamperedSightOfACleanEdge_neitherCountsNorSpoils() {
    learner.observe(seen(client(), DB, "a", NOON));
    learner.observe(seen(process("/app/payments", Origin.WRITABLE_LAYER, false), DB, "a", NOON));

    assertThat(learner.edges())
        .extracting(LearnedEdge::state)
        .containsExactlyInAnyOrder(EdgeState.OBSERVED, EdgeState.QUARANTINED);
    assertThat(learner.edges()).allMatch(edge -> edge.evidence().connections() == 1);
  }

  @Test
  void observe_moreEdgesThanTheLimit_areCountedAndDropped() {
    var settings =
        new LearningSettings(2, 0.25, 3, Duration.ZERO, Duration.ZERO, Duration.ofDays(1), 10);
    var bounded = new Learner(CHECKOUT, settings);

    for (var port = 1; port <= 1_000; port++) {
      bounded.observe(
          seen(
              client(),
              new Destination(
                  "10.1.2.3",
                  io.kith.baselines.destination.Evidence.ADDRESS,
                  IpAddress.parse("10.1.2.3"),
                  port,
                  Protocol.TCP),
              "a",
              NOON));
    }

    assertThat(bounded.edges()).hasSize(10);
    assertThat(bounded.dropped()).isEqualTo(990);
  }

  @Test
  void observe_inAnyOrder_learnsTheSame() {
    var observations = new ArrayList<Observation>();
    for (var i = 0; i < 500; i++) {
      observations.add(
          seen(client(), DB, "pod-" + i % 100, NOON.plus(Duration.ofMinutes(37L * i))));
    }
    observations.forEach(learner::observe);
    var expected = learner.edges().stream().map(LearnedEdge::evidence).toList();

    for (var seed = 0; seed < 20; seed++) {
      Collections.shuffle(observations, new Random(seed));
      var other = new Learner(CHECKOUT, LearningSettings.defaults());
      observations.forEach(other::observe);
      assertThat(other.edges().stream().map(LearnedEdge::evidence).toList())
          .as("seed %d", seed)
          .isEqualTo(expected);
    }
  }

  private static Observation seen(
      ProcessFingerprint process, Destination destination, String replica, Instant time) {
    return seen(process, destination, replica, time, Quality.EXACT);
  }

  private static Observation seen(
      ProcessFingerprint process,
      Destination destination,
      String replica,
      Instant time,
      Quality quality) {
    return new Observation(
        new Candidate("fp:1", process, ProcessClass.of(process), quality, Set.of()),
        destination,
        replica,
        time);
  }

  private static Destination address(String text) {
    return new Destination(
        text,
        io.kith.baselines.destination.Evidence.ADDRESS,
        IpAddress.parse(text),
        443,
        Protocol.TCP);
  }

  private static Destination external(String name) {
    return new Destination(
        name,
        io.kith.baselines.destination.Evidence.CLIENT_NAME,
        IpAddress.parse("203.0.113.7"),
        443,
        Protocol.TCP);
  }

  private static ProcessFingerprint client() {
    return process("/app/payments", Origin.IMAGE, false);
  }

  private static ProcessFingerprint process(String path, Origin origin, boolean session) {
    return fingerprint(path, origin, EntryKind.NATIVE, null, session);
  }

  private static ProcessFingerprint inline() {
    return fingerprint(
        "/usr/bin/bash",
        Origin.IMAGE,
        EntryKind.INLINE,
        new Script("inline:" + "c".repeat(64), null, Origin.UNKNOWN, false),
        false);
  }

  private static ProcessFingerprint fingerprint(
      String path, Origin origin, EntryKind entryKind, @Nullable Script script, boolean session) {
    return new ProcessFingerprint(
        path,
        "a".repeat(64),
        origin,
        1000,
        entryKind,
        path.substring(path.lastIndexOf('/') + 1),
        script,
        List.of("/sbin/init"),
        null,
        null,
        List.of(),
        session);
  }
}
