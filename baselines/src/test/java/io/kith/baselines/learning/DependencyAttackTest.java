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

import io.kith.baselines.decision.Circumstances;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Rung;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * A malicious dependency is part of the build: its code is the image's, it runs in every replica
 * from the first minute, and it does the same in QA (research: hazards, 1.4).
 */
class DependencyAttackTest {
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final SpiffeId ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  private static final List<String> PODS = List.of("a", "b", "c", "d");
  private static final Destination DB = service("db.shop.svc.cluster.local");
  private static final Destination CACHE = service("cache.shop.svc.cluster.local");
  private static final Destination DROP = external("drop.evil.example");

  /** Every pod of an image does all of it, every hour. */
  private static void run(
      Learner learner, @Nullable String digest, Instant from, Instant until, Destination... to) {
    var app = program("/app", digest);
    for (var name : PODS) {
      learner.started(pod(name + digest, from, digest));
    }
    for (var time = from; !time.isAfter(until); time = time.plus(Duration.ofHours(1))) {
      for (var name : PODS) {
        for (var destination : to) {
          learner.observe(seen(app, destination, name + digest, time.plus(Duration.ofMinutes(5))));
        }
      }
    }
  }

  private static Learner withTheDependency(@Nullable String digest, Vouchers vouchers) {
    var learner = learner(DEFAULTS, vouchers);
    run(learner, digest, START, after("48H"), DB, DROP);
    return learner;
  }

  private static EdgeState drop(Learner learner) {
    var app = program("/app", "sha256:1").processClass();
    return requireNonNull(learner.edgeOf(app, Exact.of(DROP), after("48H"))).state();
  }

  private static List<String> edges(Proposal proposal) {
    return proposal.baseline().edges().stream().map(Edge::words).toList();
  }

  // the voucher

  @Test
  void onAllReplicasFromTheFirstMinute_isNoSupportForAnExternalName() {
    var learner = withTheDependency("sha256:1", Vouchers.NONE);

    assertThat(drop(learner)).isEqualTo(EdgeState.QUARANTINED);
    assertThat(edges(requireNonNull(learner.proposeAt(after("48H")))))
        .containsExactly("/app → db.shop.svc.cluster.local:80");
    assertThat(edges(withTheDependency("sha256:1", Vouchers.NONE).afterTestRun(_ -> false)))
        .containsExactly("/app → db.shop.svc.cluster.local:80");
  }

  @Test
  void qaOfTheSameBuild_doesNotVouchForItself() {
    var qa = withTheDependency("sha256:1", Vouchers.NONE);

    assertThat(drop(withTheDependency("sha256:1", new EnvironmentVouchers(qa))))
        .isEqualTo(EdgeState.QUARANTINED);
  }

  /** An image that was not known counted as another one. */
  @Test
  void qaOfWhoKnowsWhichBuild_doesNotVouchEither() {
    for (var here : java.util.Arrays.asList("sha256:1", null)) {
      for (var there : java.util.Arrays.asList("sha256:1", null)) {
        var qa = withTheDependency(there, Vouchers.NONE);
        assertThat(drop(withTheDependency(here, new EnvironmentVouchers(qa))))
            .as("%s here, %s in QA", here, there)
            .isEqualTo(EdgeState.QUARANTINED);
      }
    }
  }

  @Test
  void qaOfAnotherBuild_vouches_andSoDoesADeclaration() {
    var qa = withTheDependency("sha256:0", Vouchers.NONE);
    Vouchers declared = (_, destination, _, _) -> destination.name().equals(DROP.name());

    assertThat(drop(withTheDependency("sha256:1", new EnvironmentVouchers(qa))))
        .isEqualTo(EdgeState.CANDIDATE);
    assertThat(drop(withTheDependency("sha256:1", declared))).isEqualTo(EdgeState.CANDIDATE);
  }

  // the grace

  /** Enforced with the good build; then the bad one is rolled out. */
  private static Learner afterTheRollout(Destination... to) {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    run(learner, "sha256:1", START, after("48H"), DB);
    requireNonNull(learner.proposeAt(after("48H")));
    run(learner, "sha256:2", after("50H"), after("100H"), to);
    return learner;
  }

  private static Decision decide(Circumstances now, Destination destination, Instant at) {
    var good = learner(DEFAULTS, Vouchers.NONE);
    run(good, "sha256:1", START, after("48H"), DB);
    var baseline = requireNonNull(good.proposeAt(after("48H"))).baseline();
    Candidate app = program("/app", "sha256:2");
    return Decider.decide(
        new Snapshot(Mode.ENFORCE, false, Snapshot.Rules.of(baseline, List.of()), null, now),
        new Flow(
            ID,
            new Attribution.Attributed(List.of(app), Rung.KERNEL_EXACT, List.of()),
            new Resolved(destination, null)),
        at);
  }

  private static String reason(Decision decision) {
    return decision.applied() instanceof Verdict.Deny(_, var reason) ? reason.code() : "allowed";
  }

  /** A ServiceEntry's name passed in grace, as if it were a service of the mesh. */
  @Test
  void inGrace_nothingOutsideAndNothingSensitive_isReached() {
    var now = afterTheRollout(DB).circumstances(after("51H"));
    assertThat(now.rollouts()).containsKey("sha256:2");

    for (var destination :
        List.of(
            DROP,
            address("203.0.113.66", 443),
            address("169.254.169.254", 80),
            address("10.0.0.7", 10_250),
            routed("drop.evil.example", 443),
            routed("kubernetes.default.svc.cluster.local", 443))) {
      assertThat(reason(decide(now, destination, after("51H"))))
          .as(destination.words())
          .isEqualTo("new_destination");
    }
  }

  private static Destination routed(String name, int port) {
    return new Destination(
        name, Evidence.MESH_SERVICE, IpAddress.parse("198.51.100.9"), port, Protocol.TCP);
  }

  @Test
  void inGrace_aServiceOfTheMesh_passesMarked_andOnlyForADay() {
    var now = afterTheRollout(DB).circumstances(after("51H"));

    var decision = decide(now, CACHE, after("51H"));

    assertThat(reason(decision)).isEqualTo("allowed");
    assertThat(decision.flagged()).isTrue();
    assertThat(reason(decide(now, CACHE, after("74H")))).isEqualTo("new_destination");
  }

  @Test
  void theGrace_confirmsNothing_whateverPassedInIt() {
    var learner = afterTheRollout(DB, CACHE, DROP);
    var app = program("/app", "sha256:2").processClass();

    for (var destination : List.of(CACHE, DROP)) {
      for (var hour = 51; hour < 100; hour++) {
        assertThat(learner.confirm(app, Exact.of(destination), after(hour + "H")))
            .as(destination.words() + " after " + hour + " h")
            .isNull();
      }
    }
    assertThat(learner.approve(app, Exact.of(CACHE))).isNotNull();
  }
}
