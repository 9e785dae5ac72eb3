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
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Script;
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

  /** Its class is the same; whoever wrote over the script is not. */
  @Test
  void decide_aScriptThatWasWrittenOver_hasNoGrace() {
    var approved = python(Origin.IMAGE);
    var overwritten = python(Origin.WRITABLE_LAYER);
    assertThat(overwritten.processClass()).isEqualTo(approved.processClass());

    assertThat(decide(approved, RATINGS, learned(approved, DB)).flagged()).isTrue();
    assertThat(decide(overwritten, RATINGS, learned(approved, DB)).applied())
        .isEqualTo(new Deny(learned(approved, DB), new Reason.NewDestination()));
  }

  /** A rule may cover a class and refuse this process of it. */
  @Test
  void decide_aProcessThatEveryRuleRefuses_hasNoGrace() {
    var process = ofImage("/app/shop", "sha256:2");
    var fromCron =
        new ProcessPattern(null, null, new ScriptPattern.AnyOrNone(), List.of("/usr/sbin/cron"));

    for (var rule :
        List.of(
            rule(fromCron, Strictness.LINEAGE, null, null),
            rule(ProcessPattern.ANY, Strictness.HASH, Flows.OTHER_HASH, null),
            rule(ProcessPattern.ANY, Strictness.CLASS, null, NOON.minusSeconds(1)))) {
      assertThat(decide(process, RATINGS, byRule(rule)).applied())
          .as(rule.words())
          .isInstanceOf(Deny.class);
      // which a program that moved may do all the same
      assertThat(decide(ofImage("/srv/shop", "sha256:2"), DB, byRule(rule, learned(OLD, DB))))
          .as(rule.words())
          .matches(Decision::flagged);
    }
    var good = rule(ProcessPattern.ANY, Strictness.HASH, Flows.HASH, null);
    assertThat(decide(process, RATINGS, byRule(good)).flagged()).isTrue();
  }

  private static Candidate python(Origin ofScript) {
    return program(
        "/usr/bin/python3",
        Origin.IMAGE,
        "sha256:2",
        new Script("/srv/app.py", Flows.HASH, ofScript, false));
  }

  /** Allows the cache to what it covers and does not refuse. */
  private static HandRule rule(
      ProcessPattern process,
      Strictness strictness,
      @Nullable String sha256,
      @Nullable Instant until) {
    return HandRule.of(
        process,
        Exact.of(Flows.CACHE),
        strictness,
        sha256,
        null,
        new Provenance.ByHand("ann", "incident 7", until));
  }

  private static Rules byRule(HandRule rule, Edge... edges) {
    return Rules.of(
        Baseline.of(CHECKOUT, null, List.of(edges)),
        List.of(),
        new HandRules(List.of(rule), List.of()));
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
