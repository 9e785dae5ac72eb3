package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CHECKOUT_ID;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DB;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.SCRIPT_HASH;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.candidate;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.program;
import static io.kith.server.control.Shop.python;
import static io.kith.server.control.Shop.unattributed;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Script;
import io.kith.server.check.CheckRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(600)
class ControlStateTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);
  private static final ScopeName MESH = new ScopeName.Mesh();
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");

  private final Shop.SettableClock clock = new Shop.SettableClock();
  private final List<AuditEntry> audit = new ArrayList<>();
  private ControlState state = stateWith(1_024);

  private ControlState stateWith(int queue, ScopeEntry... scopes) {
    return ControlState.inMemory(
        Shop.directory(List.of(CHECKOUT, DB)),
        List.of(scopes),
        LearningSettings.defaults(),
        clock,
        queue,
        audit::add);
  }

  private void restart(ScopeEntry... scopes) {
    state.close();
    state = stateWith(1_024, scopes);
  }

  @AfterEach
  void close() {
    state.close();
  }

  private CheckRecord check(Flow flow) throws Exception {
    var answered = answered(state.snapshot(CHECKOUT), flow, clock.instant());
    state.record(answered);
    state.flush();
    return answered;
  }

  private void enforceWhatPaymentsDoes() throws Exception {
    check(flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "test");
    state.setMode(ONE, Mode.ENFORCE, "ready", "test");
  }

  private Verdict verdict(Flow flow) {
    return Decider.decide(state.snapshot(CHECKOUT), flow, clock.instant()).applied();
  }

  private static String reasonOf(Verdict verdict) {
    return verdict instanceof Deny(_, var reason) ? reason.code() : "allowed";
  }

  private WorkloadState checkout() {
    return state.states().stream()
        .filter(workload -> workload.owner().equals(OWNER))
        .findFirst()
        .orElseThrow();
  }

  private static ScopeEntry scope(String name, Mode mode, boolean unattributedAllowed) {
    return new ScopeEntry(ScopeName.parse(name), mode, unattributedAllowed);
  }

  // workloads at rest

  @Test
  void tidy_noCheckForLong_rests_andDecidesTheSameAfterwards() throws Exception {
    enforceWhatPaymentsDoes();
    assertThat(verdict(flow(database(), PAYMENTS))).isInstanceOf(Allow.class);
    assertThat(workload().isAtRest()).isFalse();

    restAll();

    assertThat(workload().isAtRest()).isTrue();
    assertThat(checkout().approvedEdges()).isEqualTo(1);
    assertThat(workload().isAtRest()).describedAs("after it was looked at").isTrue();
    assertThat(verdict(flow(database(), PAYMENTS))).isInstanceOf(Allow.class);
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
    assertThat(workload().isAtRest()).isFalse();
  }

  @Test
  void setMode_atRest_countsFromTheNextCheckOn() throws Exception {
    enforceWhatPaymentsDoes();
    restAll();

    state.setMode(ONE, Mode.OBSERVE, "an incident", "test");

    assertThat(workload().isAtRest()).isTrue();
    assertThat(checkout().mode()).isEqualTo(Mode.OBSERVE);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
  }

  @Test
  void tidy_oneCheckNowAndThen_doesNotRest() throws Exception {
    enforceWhatPaymentsDoes();
    for (var i = 0; i < 5; i++) {
      clock.set(clock.instant().plus(GovernedWorkload.REST_AFTER).minusSeconds(1));
      var _ = state.snapshot(CHECKOUT);
      state.tidy();
    }

    assertThat(workload().isAtRest()).isFalse();
  }

  /** What nobody asks of is looked at once more before it rests. */
  private void restAll() {
    state.tidy();
    clock.set(clock.instant().plus(GovernedWorkload.REST_AFTER));
    state.tidy();
  }

  private GovernedWorkload workload() {
    return requireNonNull(state.governed(OWNER));
  }

  // modes

  @Test
  void snapshot_configuredScopes_mostSpecificWins() {
    restart(
        scope("*", Mode.OBSERVE, false),
        scope("shop/*", Mode.OBSERVE, true),
        scope("shop/deployment/checkout", Mode.SHADOW, false));

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    assertThat(state.snapshot(CHECKOUT).unattributedAllowed()).isFalse();
    assertThat(state.snapshot(CATALOG).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(state.snapshot(CATALOG).unattributedAllowed()).isTrue();
  }

  /** Another mode for one workload does not make it less strict about what comes in. */
  @Test
  void inbound_configuredScopes_mostSpecificThatSaysSoWins() {
    restart(
        scope("*", Mode.OBSERVE, false),
        new ScopeEntry(ScopeName.parse("shop/*"), Mode.OBSERVE, false, Inbound.REQUIRE),
        scope("shop/deployment/checkout", Mode.SHADOW, false),
        new ScopeEntry(
            ScopeName.parse("shop/deployment/catalog"), Mode.OBSERVE, false, Inbound.ACCEPT));

    assertThat(state.inbound(CHECKOUT)).isEqualTo(Inbound.REQUIRE);
    assertThat(state.inbound(CATALOG)).isEqualTo(Inbound.ACCEPT);
    restart(scope("*", Mode.ENFORCE, false));
    assertThat(state.inbound(CHECKOUT)).isEqualTo(Inbound.ACCEPT);
  }

  @Test
  void snapshot_configuredEnforceWithoutBaseline_staysInObserveAndSaysWhatItWaitsFor()
      throws Exception {
    restart(scope("*", Mode.ENFORCE, false));

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(checkout().mode()).isEqualTo(Mode.OBSERVE);
    assertThat(checkout().waitsFor().getFirst())
        .startsWith("a baseline, as mode enforce is set: in observe until then")
        .contains("a restart begins learning anew");

    check(flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "test");

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(checkout().waitsFor())
        .containsExactly(
            "kith mode shop/deployment/checkout enforce --note TEXT, which puts the proposed"
                + " baseline in force");
  }

  /** Nobody's decision outlives it. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void restart_inMemory_forgetsBaselinesAndModes_andObserves(Mode mode) throws Exception {
    enforceWhatPaymentsDoes();
    state.setMode(ONE, mode, "look", "test");

    restart();

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(checkout().stage()).isEqualTo(WorkloadState.Stage.LEARNING);
    var decision = check(flow(database(), CURL)).decision();
    assertThat(decision.applied()).isInstanceOf(Allow.class);
    assertThat(decision.shadow()).isNull();
  }

  @Test
  void setMode_enforceWithoutBaseline_isRefusedAndChangesNothing() throws Exception {
    assertThatThrownBy(() -> state.setMode(SHOP, Mode.ENFORCE, "now", "test"))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "no baseline yet: shop/deployment/checkout (end learning first: kith learn finish OWNER"
                + " --note TEXT)");

    assertThat(state.setMode(SHOP, Mode.SHADOW, "look", "test")).isEqualTo(Mode.OBSERVE);
    assertThat(audit).hasSize(1);
  }

  @Test
  void setMode_enforceMesh_leavesReceiversAndMoreSpecificScopesAlone() throws Exception {
    check(flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "test");
    assertThat(state.snapshot(CATALOG).mode()).isEqualTo(Mode.OBSERVE);
    state.setMode(new ScopeName.One(CATALOG.owner()), Mode.OBSERVE, "not yet", "test");

    state.setMode(MESH, Mode.ENFORCE, "ready", "test");

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(state.snapshot(CATALOG).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(state.snapshot(DB).mode()).isEqualTo(Mode.OBSERVE);
  }

  @Test
  void setMode_unknownScope_namesTheKnownOnes() {
    assertThatThrownBy(() -> state.setMode(ScopeName.parse("stop/*"), Mode.OBSERVE, "typo", "test"))
        .hasMessage("namespace 'stop' has no workload (expected: one of [shop])");
    assertThatThrownBy(
            () -> state.setMode(ScopeName.parse("shop/job/x"), Mode.OBSERVE, "typo", "test"))
        .hasMessage(
            "workload 'shop/job/x' is not known (known: [shop/deployment/checkout,"
                + " shop/statefulset/orders-db])");
  }

  @Test
  void setMode_backToObserve_keepsTheRulesForLater() throws Exception {
    enforceWhatPaymentsDoes();

    assertThat(state.setMode(ONE, Mode.OBSERVE, "incident", "test")).isEqualTo(Mode.ENFORCE);
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("allowed");
    assertThat(checkout().stage()).isEqualTo(WorkloadState.Stage.ENFORCED);

    state.setMode(ONE, Mode.ENFORCE, "over", "test");
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
  }

  @Test
  void inheritMode_bringsBackWhatTheFileOrTheScopeAroundSays() throws Exception {
    restart(new ScopeEntry(ONE, Mode.SHADOW, false));
    state.setMode(ONE, Mode.OBSERVE, "incident", "ada");
    state.setMode(SHOP, Mode.SHADOW, "look", "ada");

    assertThat(state.inheritMode(ONE, "over", "ada"))
        .isEqualTo(new ModeChange(Mode.OBSERVE, Mode.SHADOW, "kith.yaml, scope " + OWNER));
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    assertThat(state.inheritMode(SHOP, "seen", "ada"))
        .isEqualTo(new ModeChange(Mode.SHADOW, Mode.OBSERVE, "the default"));

    assertThat(audit)
        .element(2)
        .isEqualTo(
            new AuditEntry(
                "inherit",
                OWNER.toString(),
                "ada",
                "over",
                "observe",
                "shadow, set by kith.yaml, scope " + OWNER));
    assertThat(state.audit(null, 0, 10).reversed().stream().skip(2))
        .extracting(entry -> state.before(entry) + " → " + state.after(entry))
        .containsExactly("observe → shadow, inherited", "shadow → observe, inherited");
  }

  @Test
  void inheritMode_whereNoCommandSaidAnything_isRefused() {
    assertThatThrownBy(() -> state.inheritMode(ONE, "over", "ada"))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "kith mode said nothing of shop/deployment/checkout: its mode, observe, comes from the"
                + " default");
    assertThatThrownBy(() -> state.inheritMode(ScopeName.parse("stop/*"), "typo", "ada"))
        .hasMessage("namespace 'stop' has no workload (expected: one of [shop])");
    assertThatThrownBy(() -> state.inheritMode(ONE, " ", "ada"))
        .hasMessage("note: blank (expected: why the mode changes)");
    assertThat(state.store().position()).isZero();
  }

  @Test
  void inheritMode_intoEnforce_needsABaselineInForce() throws Exception {
    restart(new ScopeEntry(MESH, Mode.ENFORCE, false));
    state.setMode(ONE, Mode.OBSERVE, "incident", "ada");
    check(flow(database(), PAYMENTS));
    var refusal =
        "enforce, set by kith.yaml, scope *, and no baseline in force yet:"
            + " shop/deployment/checkout (kith mode OWNER enforce --note TEXT puts a proposed one"
            + " in force; where none is, end learning first: kith learn finish OWNER --note TEXT; to"
            + " have it observe on: kith mode OWNER observe --note TEXT)";
    assertThatThrownBy(() -> state.inheritMode(ONE, "over", "ada")).hasMessage(refusal);
    state.finishTestRun(OWNER, "suite passed", "ada");
    assertThatThrownBy(() -> state.inheritMode(ONE, "over", "ada")).hasMessage(refusal);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);

    state.setMode(ONE, Mode.ENFORCE, "reviewed", "ada");
    state.inheritMode(ONE, "as the mesh", "ada");

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
  }

  /** Nobody looked at it: whoever inherits names no revision. */
  @Test
  void inheritMode_intoEnforce_leavesWhatWasProposedMeanwhileToWait() throws Exception {
    restart(new ScopeEntry(MESH, Mode.ENFORCE, false));
    enforceWhatPaymentsDoes();
    state.setMode(ONE, Mode.OBSERVE, "incident", "ada");
    check(flow(database(), CURL));
    state.finishTestRun(OWNER, "suite passed", "ada");

    assertThat(state.inheritMode(ONE, "over", "ada"))
        .isEqualTo(new ModeChange(Mode.OBSERVE, Mode.ENFORCE, "kith.yaml, scope *"));

    assertThat(reasonOf(verdict(flow(database(), PAYMENTS)))).isEqualTo("allowed");
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
    assertThat(checkout().stage()).isEqualTo(WorkloadState.Stage.PROPOSED);
  }

  @Test
  void setMode_blankNote_isRefused() {
    assertThatThrownBy(() -> state.setMode(MESH, Mode.SHADOW, " ", "test"))
        .hasMessage("note: blank (expected: why the mode changes)");
  }

  // learning

  @Test
  void finishTestRun_seesWhatWasAnsweredBefore() throws Exception {
    for (var i = 0; i < 500; i++) {
      state.record(answered(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), clock.instant()));
    }
    state.flush();

    var proposal = state.finishTestRun(OWNER, "suite passed", "test");

    assertThat(proposal.approved()).hasSize(1);
    assertThat(proposal.approved().getFirst().evidence().connections()).isEqualTo(500);
    assertThat(checkout().stage()).isEqualTo(WorkloadState.Stage.PROPOSED);
    assertThat(checkout().mode()).isEqualTo(Mode.OBSERVE);
  }

  @Test
  void finishTestRun_onlyQuarantined_isRefused() throws Exception {
    check(flow(database(), DROPPED));

    assertThatThrownBy(() -> state.finishTestRun(OWNER, "done", "test"))
        .hasMessageStartingWith("shop/deployment/checkout showed nothing that may be learned");
    assertThat(checkout().stage()).isEqualTo(WorkloadState.Stage.LEARNING);
  }

  @Test
  void finishTestRun_underObserve_showsTheNextVerdict() throws Exception {
    check(flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "test");

    var decision = check(flow(database(), CURL)).decision();

    assertThat(decision.applied()).isInstanceOf(Allow.class);
    assertThat(decision.shadow()).isInstanceOf(Deny.class);
  }

  @Test
  void record_underEnforce_learnsTheDeniedAttemptAsACandidateOnly() throws Exception {
    enforceWhatPaymentsDoes();

    check(flow(database(), CURL));

    assertThat(checkout().approvedEdges()).isEqualTo(1);
    assertThat(checkout().candidateEdges()).isEqualTo(1);
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
  }

  @Test
  void finishTestRun_afterRefusals_leavesWhatWasRefusedToAPerson() throws Exception {
    enforceWhatPaymentsDoes();
    check(flow(database(), CURL));

    var proposal = state.finishTestRun(OWNER, "again", "ann");

    assertThat(proposal.approved()).hasSize(1);
    assertThat(proposal.leftOut())
        .singleElement()
        .satisfies(
            edge -> assertThat(edge.why()).isEqualTo("it was refused: only a person allows it"));
  }

  @Test
  void finishTestRun_whatWasRefusedAndPassedSince_isApproved() throws Exception {
    enforceWhatPaymentsDoes();
    check(flow(database(), CURL));
    state.setMode(ScopeName.parse(OWNER.toString()), Mode.OBSERVE, "look again", "ann");
    check(flow(database(), CURL));

    assertThat(state.finishTestRun(OWNER, "again", "ann").approved()).hasSize(2);
  }

  @Test
  void record_whatProvesNothing_isNotLearned() throws Exception {
    var other = SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/catalog");
    var borrowed =
        candidate("/app/payments", HASH, Origin.IMAGE, EntryKind.NATIVE, null, Set.of(other));
    var lie = new Resolved(database().destination(), "the client says catalog");

    check(flow(database(), PAYMENTS, CURL));
    check(flow(database(), borrowed));
    check(flow(lie, PAYMENTS));
    check(unattributed());
    state.record(
        answered(CHECKOUT, state.snapshot(CHECKOUT), flow(database(), PAYMENTS), NOON, true));
    state.flush();

    assertThat(state.edges(OWNER)).isEmpty();
  }

  @Test
  void record_severalOfOneClass_countOnceAndTheWorstSpeaks() throws Exception {
    check(flow(database(), PAYMENTS, PAYMENTS));
    assertThat(state.edges(OWNER)).hasSize(1);
    assertThat(state.edges(OWNER).getFirst().state()).isEqualTo(EdgeState.OBSERVED);

    check(flow(database(), CURL, program("/usr/bin/curl", HASH, Origin.MOUNT)));
    assertThat(state.edges(OWNER))
        .filteredOn(edge -> edge.process().equals("/usr/bin/curl"))
        .map(KnownEdge::state)
        .containsExactly(EdgeState.QUARANTINED);
  }

  @Test
  void record_fullQueue_dropsDetailAndCountsEveryCheck() throws Exception {
    state.close();
    var held = new CountDownLatch(1);
    var entered = new CountDownLatch(1);
    state =
        ControlState.inMemory(
            Shop.directory(List.of(CHECKOUT)),
            List.of(),
            LearningSettings.defaults(),
            () -> {
              if (Thread.currentThread().getName().equals("kith-learning")) {
                entered.countDown();
                awaitQuietly(held);
              }
              return NOON;
            },
            8,
            audit::add);
    var snapshot = state.snapshot(CHECKOUT);
    state.record(answered(snapshot, flow(database(), PAYMENTS), NOON));
    entered.await();

    for (var i = 0; i < 20; i++) {
      state.record(answered(snapshot, flow(database(), PAYMENTS), NOON));
    }
    var denied = denial(flow(database(), CURL));
    state.record(denied);
    held.countDown();
    state.flush();

    assertThat(state.dropped()).isEqualTo(14);
    assertThat(state.counts())
        .containsExactly(
            new VerdictCount("allow", "", 21), new VerdictCount("deny", "overloaded", 1));
    assertThat(state.decisions(OWNER, true, 10)).containsExactly(denied);
    assertThat(checkout().waitsFor())
        .contains("14 connections were not learned from, because the server had too much to do");
  }

  @Test
  void record_processThatBecameKnownLate_isLearnedAndCompletesTheDecision() throws Exception {
    var silent = new Attribution.BridgeUnavailable("the bridge of node-1 did not answer");
    var given =
        answered(
            state.snapshot(CHECKOUT), new Flow(CHECKOUT_ID, silent, database()), clock.instant());
    state.record(given);
    state.flush();
    assertThat(state.edges(OWNER)).isEmpty();

    state.record(given.late(flow(database(), PAYMENTS), PAYMENTS));
    state.flush();

    assertThat(state.edges(OWNER)).hasSize(1);
    assertThat(state.counts()).containsExactly(new VerdictCount("allow", "", 1));
    assertThat(state.late()).isEqualTo(1);
    assertThat(state.decisions(OWNER, false, 10))
        .singleElement()
        .satisfies(
            shown -> {
              assertThat(shown.late()).isTrue();
              assertThat(shown.decision().subject()).isEqualTo(PAYMENTS);
            });
    assertThat(state.decision(given.decisionId())).isNotNull().matches(CheckRecord::late);
  }

  @Test
  void record_routine_isCountedAndNotLogged() throws Exception {
    var first = Shop.answered(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), NOON);
    state.record(first);
    for (var i = 0; i < 3; i++) {
      state.record(
          new CheckRecord(
              "d:000000000000000" + i,
              first.traceId(),
              NOON,
              first.reporter(),
              first.workload(),
              first.replica(),
              first.flow(),
              first.decision(),
              true,
              true,
              false));
    }
    state.flush();

    assertThat(state.counts()).containsExactly(new VerdictCount("allow", "", 4));
    assertThat(state.routine()).isEqualTo(3);
    assertThat(state.dropped()).isZero();
    assertThat(state.decisions(OWNER, false, 10)).containsExactly(first);
  }

  private static CheckRecord denial(Flow flow) {
    return new CheckRecord(
        "d:ffffffffffffffff",
        "0af7651916cd43dd8448eb211c80319c",
        NOON,
        null,
        CHECKOUT,
        IpAddress.parse("10.88.1.2"),
        flow,
        new Decision(new Deny(null, new Reason.Overloaded()), null, Mode.ENFORCE, null, null),
        false);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  // allow

  @Test
  void allow_imageProgram_isAllowedByClassUntilTheTimeIsOver() throws Exception {
    enforceWhatPaymentsDoes();
    var denied = check(flow(database(), CURL));

    var rule = state.allow(OWNER, denied.decisionId(), Duration.ofHours(4), "CHG-1", "ada");

    assertThat(rule.edge().strictness()).isEqualTo(Strictness.CLASS);
    assertThat(rule.state()).isEqualTo(EdgeState.TEMPORARY);
    assertThat(rule.expires()).isEqualTo(NOON.plus(Duration.ofHours(4)));
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("allowed");
    assertThat(reasonOf(verdict(flow(elsewhere(), CURL)))).isEqualTo("new_destination");

    clock.set(NOON.plus(Duration.ofHours(4)));
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("expired");
    assertThat(state.edges(OWNER).getFirst().why())
        .isEqualTo("ended at 2026-11-25T16:00:00Z: CHG-1");
  }

  @Test
  void allow_endedRule_isForgottenADayLater() throws Exception {
    enforceWhatPaymentsDoes();
    var denied = check(flow(database(), CURL));
    state.allow(OWNER, denied.decisionId(), Duration.ofHours(4), "CHG-1", "ada");

    clock.set(NOON.plus(Duration.ofHours(28)).minusMillis(1));
    check(flow(database(), PAYMENTS));
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("expired");

    clock.set(NOON.plus(Duration.ofHours(28)));
    check(flow(database(), PAYMENTS));
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
  }

  @Test
  void allow_droppedBinary_allowsExactlyThatBinary() throws Exception {
    enforceWhatPaymentsDoes();
    var denied = check(flow(database(), DROPPED));

    var rule = state.allow(OWNER, denied.decisionId(), null, "debugging", "ada");

    assertThat(rule.edge().sha256()).isEqualTo(HASH);
    assertThat(rule.state()).isEqualTo(EdgeState.APPROVED);
    assertThat(reasonOf(verdict(flow(database(), DROPPED)))).isEqualTo("allowed");
    assertThat(
            reasonOf(
                verdict(
                    flow(
                        database(),
                        program("/tmp/payments", "7".repeat(64), Origin.WRITABLE_LAYER)))))
        .isEqualTo("origin_not_in_image");
  }

  @Test
  void allow_scriptFromOutside_allowsExactlyThatScript() throws Exception {
    enforceWhatPaymentsDoes();
    var script = new Script("/tmp/fix.py", SCRIPT_HASH, Origin.WRITABLE_LAYER, false);
    var changed = new Script("/tmp/fix.py", "8".repeat(64), Origin.WRITABLE_LAYER, false);
    var denied = check(flow(database(), python(EntryKind.SCRIPT, script)));

    var rule = state.allow(OWNER, denied.decisionId(), null, "one-off repair", "ada");

    assertThat(rule.edge().scriptSha256()).isEqualTo(SCRIPT_HASH);
    assertThat(reasonOf(verdict(flow(database(), python(EntryKind.SCRIPT, script)))))
        .isEqualTo("allowed");
    assertThat(reasonOf(verdict(flow(database(), python(EntryKind.SCRIPT, changed)))))
        .isNotEqualTo("allowed");
  }

  @Test
  void allow_inlineCode_isAllowedByItsHash() throws Exception {
    enforceWhatPaymentsDoes();
    var code = new Script("inline:" + SCRIPT_HASH, SCRIPT_HASH, Origin.UNKNOWN, false);
    var denied = check(flow(database(), python(EntryKind.INLINE, code)));

    state.allow(OWNER, denied.decisionId(), null, "one-off repair", "ada");

    assertThat(reasonOf(verdict(flow(database(), python(EntryKind.INLINE, code)))))
        .isEqualTo("allowed");
  }

  @Test
  void allow_unknownHash_isRefusedInWords() throws Exception {
    enforceWhatPaymentsDoes();
    var binary = check(flow(database(), program("/tmp/x", null, Origin.MEMFD)));
    var stdin =
        check(
            flow(
                database(),
                python(EntryKind.INLINE, new Script("stdin", null, Origin.UNKNOWN, true))));

    assertPrecondition(binary, "the SHA-256 of '/tmp/x' is not known");
    assertPrecondition(stdin, "the SHA-256 of 'stdin' is not known");
  }

  @Test
  void allow_whatNoRuleCanAllow_isRefusedInWords() throws Exception {
    enforceWhatPaymentsDoes();

    assertPrecondition(check(unattributed()), "has no known process");
    assertPrecondition(
        check(flow(new Resolved(database().destination(), "the client says catalog"), CURL)),
        "cannot be allowed by a rule: the client says catalog");
  }

  private void assertPrecondition(CheckRecord answered, String words) {
    assertThatThrownBy(() -> state.allow(OWNER, answered.decisionId(), null, "please", "ada"))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refused -> assertThat(refused.kind()).isEqualTo(RefusedException.Kind.PRECONDITION))
        .hasMessageContaining(words);
  }

  @Test
  void allow_wrongArguments_areRefused() throws Exception {
    enforceWhatPaymentsDoes();
    var id = check(flow(database(), CURL)).decisionId();

    assertThatThrownBy(() -> state.allow(OWNER, "d:0", null, "x", "ada"))
        .hasMessageContaining("decision 'd:0' is not among the latest");
    assertThatThrownBy(() -> state.allow(DB.owner(), id, null, "x", "ada"))
        .hasMessageContaining("is not of shop/statefulset/orders-db but of shop/deployment");
    assertThatThrownBy(() -> state.allow(OWNER, id, null, "  ", "ada"))
        .hasMessage("note: blank (expected: why this is allowed)");
    assertThatThrownBy(() -> state.allow(OWNER, id, Duration.ZERO, "x", "ada"))
        .hasMessageStartingWith("ttl: PT0S");
    assertThat(reasonOf(verdict(flow(database(), CURL)))).isEqualTo("new_process");
  }

  @Test
  void allow_tooManyRules_isRefused() throws Exception {
    enforceWhatPaymentsDoes();
    var id = check(flow(database(), CURL)).decisionId();
    for (var i = 0; i < Standing.MAX_RULES; i++) {
      state.allow(OWNER, id, Duration.ofHours(1), "number " + i, "ada");
    }

    assertThatThrownBy(() -> state.allow(OWNER, id, null, "one more", "ada"))
        .hasMessageContaining("has 1000 rules by hand");
  }

  // log and audit

  @Test
  void decisions_manyAllows_neverPushOutADenial() throws Exception {
    enforceWhatPaymentsDoes();
    var denied = check(flow(database(), CURL));
    for (var i = 0; i < 1_500; i++) {
      state.record(answered(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), NOON));
      if (i % 100 == 0) {
        state.flush();
      }
    }
    state.flush();

    assertThat(state.decisions(OWNER, true, 10)).containsExactly(denied);
    var all = state.decisions(null, false, 5_000);
    assertThat(all).hasSize(1_001);
    assertThat(all.getLast()).isEqualTo(denied);
  }

  @Test
  void changes_areAudited_withWhoWhyBeforeAndAfter() throws Exception {
    enforceWhatPaymentsDoes();

    assertThat(audit)
        .map(AuditEntry::line)
        .satisfiesExactly(
            line ->
                assertThat(line)
                    .startsWith(
                        "changed by an operator change=\"baseline\""
                            + " subject=\"shop/deployment/checkout\" by=\"test\" note=\"suite"
                            + " passed\" before=\"none\" after=\"bl:"),
            line ->
                assertThat(line)
                    .isEqualTo(
                        "changed by an operator change=\"mode\""
                            + " subject=\"shop/deployment/checkout\" by=\"test\" note=\"ready\""
                            + " before=\"observe\" after=\"enforce\""));
  }

  @Test
  void auditEntry_hostileNote_staysOneValue() {
    var entry = new AuditEntry("mode", "*", "ada", "x\" by=\"eve\nsecond", "observe", "shadow");

    assertThat(entry.line()).contains("note=\"x\\\" by=\\\"eve?second\"");
  }

  // concurrency

  @Test
  void snapshot_readWhileChanged_isAlwaysWhole() throws Exception {
    enforceWhatPaymentsDoes();
    var payments = flow(database(), PAYMENTS);
    var curl = flow(database(), CURL);
    var done = new AtomicBoolean();
    try (var readers = Executors.newVirtualThreadPerTaskExecutor()) {
      var answers =
          List.of(
              readers.submit(() -> readUntil(done, payments, curl)),
              readers.submit(() -> readUntil(done, payments, curl)));
      for (var i = 0; i < 200; i++) {
        state.setMode(ONE, i % 2 == 0 ? Mode.SHADOW : Mode.ENFORCE, "flip", "test");
      }
      done.set(true);

      for (var answer : answers) {
        assertThat(answer.get()).as("wrong answers").isZero();
      }
    }
  }

  /** Counts answers that no mode gives: a refusal of what is normal, or a pass under enforce. */
  private int readUntil(AtomicBoolean done, Flow normal, Flow other) {
    var wrong = 0;
    Instant now = clock.instant();
    do {
      var snapshot = state.snapshot(CHECKOUT);
      var passes = Decider.decide(snapshot, other, now).applied() instanceof Allow;
      if (Decider.decide(snapshot, normal, now).applied() instanceof Deny
          || passes == (snapshot.mode() == Mode.ENFORCE)) {
        wrong++;
      }
    } while (!done.get());
    return wrong;
  }

  @Test
  void flush_afterClose_doesNotHang() {
    state.close();

    assertThatThrownBy(() -> state.flush()).isInstanceOf(IllegalStateException.class);
  }
}
