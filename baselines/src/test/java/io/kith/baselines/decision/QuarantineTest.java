package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CACHE;
import static io.kith.baselines.decision.Flows.CHECKOUT;
import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.flow;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static io.kith.baselines.decision.Flows.to;
import static io.kith.baselines.decision.Flows.verdict;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Rung;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a person put in quarantine is denied although the baseline knows it. */
class QuarantineTest {
  private static final Candidate APP = program("/app");
  private static final HandRule NO_DB = rule(DB, "leaks", null);

  @Test
  void decide_aKnownFlowInQuarantine_isDeniedWithWhatThePersonWrote() {
    var snapshot = snapshot(List.of(), List.of(NO_DB));

    assertThat(verdict(snapshot, APP, DB))
        .isEqualTo(
            new Deny(
                null,
                new Reason.Quarantined(
                    "any process → db.shop.svc.cluster.local:5432: leaks (ann)")));
    assertThat(verdict(snapshot, APP, CACHE)).isEqualTo(new Allow(learned(APP, CACHE)));
  }

  @Test
  void decide_theSecondRuleInQuarantine_deniesAsWell() {
    var snapshot = snapshot(List.of(), List.of(rule(CACHE, "x", null), NO_DB));

    assertThat(verdict(snapshot, APP, DB))
        .isEqualTo(new Deny(null, new Reason.Quarantined(NO_DB.words())));
  }

  @Test
  void decide_deniedAndInQuarantine_isDeniedByHand() {
    var snapshot = snapshot(List.of(NO_DB), List.of(NO_DB));

    assertThat(verdict(snapshot, APP, DB))
        .isEqualTo(new Deny(null, new Reason.DeniedByHand(NO_DB.words())));
  }

  @Test
  void decide_aQuarantine_endsWithItsTime() {
    var now = snapshot(List.of(), List.of(rule(DB, "x", NOON.plusSeconds(1))));
    var over = snapshot(List.of(), List.of(rule(DB, "x", NOON)));

    assertThat(verdict(now, APP, DB)).isInstanceOf(Deny.class);
    assertThat(verdict(over, APP, DB)).isEqualTo(new Allow(learned(APP, DB)));
  }

  @Test
  void decide_anUnknownProcess_whereThoseMayPass_isStoppedByAQuarantine() {
    var nobody = new Attribution.Unattributed(Rung.NONE, List.of("x"));
    var snapshot = new Snapshot(Mode.ENFORCE, true, rules(List.of(), List.of(NO_DB)), null);

    assertThat(Decider.decide(snapshot, flow(nobody, DB), NOON).applied())
        .isEqualTo(new Deny(null, new Reason.Quarantined(NO_DB.words())));
    assertThat(Decider.decide(snapshot, flow(nobody, CACHE), NOON).applied())
        .isEqualTo(new Allow(null));
  }

  /** Whoever dials an address of nobody and names the service has it by its other name. */
  @Test
  void decide_aServiceByItsName_isDeniedAsTheWorkloadThatItIs() {
    var db = to("shop/statefulset/db", Evidence.OWNER, "10.1.2.3", DB.port());
    var also = new Destination(db.name(), Evidence.OWNER, null, db.port(), db.protocol());
    var byName = new Flow(Flows.ID, Flows.by(APP), new DestinationFacts.Resolved(DB, null, also));
    var nobody = new Attribution.Unattributed(Rung.NONE, List.of("x"));
    var ofNobody = new Flow(Flows.ID, nobody, new DestinationFacts.Resolved(DB, null, also));
    var rule = rule(db, "x", null);

    for (var rules : List.of(rules(List.of(rule), List.of()), rules(List.of(), List.of(rule)))) {
      var snapshot = new Snapshot(Mode.ENFORCE, true, rules, null);
      assertThat(Decider.decide(snapshot, byName, NOON).applied()).isInstanceOf(Deny.class);
      assertThat(Decider.decide(snapshot, ofNobody, NOON).applied()).isInstanceOf(Deny.class);
      assertThat(verdict(snapshot, APP, DB)).isEqualTo(new Allow(learned(APP, DB)));
    }
    // and by that name nothing is allowed
    assertThat(Decider.decide(Flows.enforcing(learned(APP, db)), byName, NOON).applied())
        .isInstanceOf(Deny.class);
  }

  private static HandRule rule(Destination to, String why, @Nullable Instant until) {
    return HandRule.of(
        ProcessPattern.ANY,
        Exact.of(to),
        Strictness.CLASS,
        null,
        null,
        new Provenance.ByHand("ann", why, until));
  }

  private static Snapshot snapshot(List<HandRule> denied, List<HandRule> quarantined) {
    return new Snapshot(Mode.ENFORCE, false, rules(denied, quarantined), null);
  }

  private static Rules rules(List<HandRule> denied, List<HandRule> quarantined) {
    return Rules.of(
        Baseline.of(CHECKOUT, null, List.of(learned(APP, DB), learned(APP, CACHE))),
        List.of(),
        new HandRules(List.of(), denied, quarantined));
  }
}
