package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CHECKOUT;
import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.byHand;
import static io.kith.baselines.decision.Flows.external;
import static io.kith.baselines.decision.Flows.flow;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static io.kith.baselines.decision.Flows.service;
import static io.kith.baselines.decision.Flows.to;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a new image may do for a while. */
class GraceTest {
  private static final Instant END = NOON.plusSeconds(3_600);
  private static final Candidate OLD = program("/app/shop");
  private static final Destination RATINGS = service("ratings.shop.svc.cluster.local", 80);

  static Stream<Arguments> newDestinations() {
    return Stream.of(
        Arguments.of("a service of the mesh", RATINGS, true),
        Arguments.of(
            "a workload of the mesh",
            to("shop/deployment/ratings", Evidence.OWNER, "10.1.2.3", 80),
            true),
        Arguments.of("a name outside", external("api.example.com"), false),
        Arguments.of("an address", to("10.1.2.3", Evidence.ADDRESS, "10.1.2.3", 80), false),
        Arguments.of(
            "the Kubernetes API",
            to("kubernetes.default.svc", Evidence.MESH_SERVICE, "10.43.0.1", 443),
            false));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("newDestinations")
  void decide_aKnownProgram_ofANewImage_reachesPlainServicesOfTheMesh(
      String name, Destination destination, boolean allowed) {
    var process = ofImage("/app/shop", "sha256:2");

    var decision = decide(process, destination, learned(OLD, DB));

    assertThat(decision.flagged()).isEqualTo(allowed);
    assertThat(decision.applied())
        .isEqualTo(
            allowed
                ? new Allow(
                    Edge.inGrace(
                        process.processClass(),
                        Exact.of(destination),
                        new Provenance.Grace("new version", END)))
                : new Deny(learned(OLD, DB), new Reason.NewDestination()));
  }

  @Test
  void decide_anOldImageOrNone_hasNoGrace() {
    assertThat(decide(ofImage("/app/shop", "sha256:1"), RATINGS, learned(OLD, DB)).flagged())
        .isFalse();
    assertThat(decide(ofImage("/app/shop", null), RATINGS, learned(OLD, DB)).flagged()).isFalse();
  }

  @Test
  void decide_whatIsNormalAnyway_isNotFlagged() {
    assertThat(decide(ofImage("/app/shop", "sha256:2"), DB, learned(OLD, DB)).applied())
        .isEqualTo(new Allow(learned(OLD, DB)));
  }

  @Test
  void decide_aMovedProgram_thatTwoMayHaveBeen_isNew() {
    var moved = ofImage("/srv/shop", "sha256:2");
    var another = program("/opt/shop");

    assertThat(decide(moved, DB, learned(OLD, DB)).flagged()).isTrue();
    assertThat(decide(moved, DB, learned(OLD, DB), learned(another, DB)).applied())
        .isInstanceOfSatisfying(
            Deny.class, deny -> assertThat(deny.reason()).isEqualTo(new Reason.NewProcess()));
  }

  @Test
  void decide_aMovedProgram_doesNotInheritWhatHasEnded() {
    var moved = ofImage("/srv/shop", "sha256:2");
    var until = NOON.minusSeconds(1);
    var ended =
        Rules.of(
            Baseline.of(CHECKOUT, null, List.of()), List.of(byHand(OLD, DB, null, null, until)));

    assertThat(decide(moved, DB, ended).applied()).isInstanceOf(Deny.class);
    assertThat(decide(moved, RATINGS, learned(OLD, DB)).applied())
        .isEqualTo(new Deny(null, new Reason.NewProcess()));
  }

  private static Decision decide(Candidate process, Destination destination, Edge... edges) {
    return decide(
        process, destination, Rules.of(Baseline.of(CHECKOUT, null, List.of(edges)), List.of()));
  }

  private static Decision decide(Candidate process, Destination destination, Rules rules) {
    var rollout = new Circumstances(Map.of("sha256:2", END), Map.of());
    return Decider.decide(
        new Snapshot(Mode.ENFORCE, false, rules, null, rollout), flow(process, destination), NOON);
  }

  private static Candidate ofImage(String path, @Nullable String digest) {
    return program(path, Origin.IMAGE, digest, null);
  }
}
