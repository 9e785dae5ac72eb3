package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.program;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.baselines.store.Change;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.RuleVerbs.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A baseline from its proposal to its end, and what people do by hand beside it. */
@Timeout(600)
class LifeTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);

  private Site site = new Site(new HostileStore());
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state = site.server();
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private void restartWith(ServerKeys keys, List<Workload> workloads) throws Exception {
    state.close();
    site = new Site(new HostileStore(), keys);
    site.workloads = workloads;
    state = site.server();
  }

  private void enforce(Candidate... programs) throws Exception {
    for (var program : programs) {
      site.check(state, flow(database(), program));
    }
    state.finishTestRun(OWNER, "suite passed", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
  }

  private String edgeOf(Candidate program) throws Exception {
    return state.edges(OWNER).stream()
        .filter(edge -> edge.edge().process().equals(program.processClass()))
        .findFirst()
        .orElseThrow()
        .edge()
        .id();
  }

  private List<RevisionState> states() throws Exception {
    return state.reports().revisions(OWNER).stream()
        .map(revision -> revision.entry().state())
        .toList();
  }

  @Test
  void shadow_takesTheProposal_andEnforceTakesItFromThere() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    assertThat(states()).containsExactly(RevisionState.PROPOSED);

    state.setMode(ONE, Mode.SHADOW, "look", "ada");
    assertThat(states()).containsExactly(RevisionState.SHADOW);
    assertThat(site.check(state, flow(database(), CURL)).decision().shadow())
        .isInstanceOf(Deny.class);

    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    assertThat(states()).containsExactly(RevisionState.ENFORCED);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  /** Who set the mode of a large mesh waited for the count until the call was given up. */
  @Test
  void reviewItems_ofAScope_whichTakeTooLongToCount_areNotKnown() throws Exception {
    var time = new AtomicReference<>(Shop.NOON);
    var step = new AtomicReference<>(Duration.ZERO);
    try (var slow =
        ControlState.inMemory(
            Shop.directory(List.of(CHECKOUT)),
            List.of(),
            LearningSettings.defaults(),
            () -> time.updateAndGet(before -> before.plus(step.get())),
            ControlSettings.QUEUE,
            _ -> {})) {
      site.check(slow, flow(database(), PAYMENTS));
      site.check(slow, flow(database(), DROPPED));
      slow.finishTestRun(OWNER, "suite passed", "ada");
      slow.setMode(ONE, Mode.ENFORCE, "ready", "ada");
      assertThat(slow.reports().reviewItems(ONE)).isEqualTo(1);

      step.set(Duration.ofSeconds(6));

      assertThat(slow.reports().reviewItems(ONE)).isNull();
      assertThat(slow.reports().reviewItems(OWNER)).isEqualTo(1);
    }
  }

  @Test
  void reject_forgetsTheProposal_andLearningGoesOn() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");

    state.baselines().reject(OWNER, null, "too early", "bob");

    assertThat(states()).containsExactly(RevisionState.SUPERSEDED);
    assertThatThrownBy(() -> state.setMode(ONE, Mode.ENFORCE, "ready", "ada"))
        .hasMessageStartingWith("no baseline yet");
    assertThat(state.finishTestRun(OWNER, "again", "ada").approved()).hasSize(1);
    assertThat(states()).containsExactly(RevisionState.PROPOSED);
  }

  /** The words were taken for ids, though the command line and the admin API promise them. */
  @Test
  void approveAndReject_byTheWordOfAState_areOfTheRevisionInIt() throws Exception {
    enforce(PAYMENTS);
    site.check(state, flow(database(), CURL));
    state.baselines().approveEdges(OWNER, Set.of(edgeOf(CURL)), "CHG-2", "ada");
    state.setMode(ONE, Mode.SHADOW, "look", "ada");
    var shadow = state.reports().revisions(OWNER).getFirst().entry().baseline();

    assertThat(state.baselines().approve(OWNER, "shadow", null, "reviewed", "ada"))
        .isEqualTo(shadow);
    assertThatThrownBy(() -> state.baselines().approve(OWNER, "proposed", null, "reviewed", "ada"))
        .hasMessage(
            OWNER + " has no revision that is proposed (kith revisions " + OWNER + " lists them)");
    assertThatThrownBy(() -> state.baselines().reject(OWNER, "enforced", "no", "bob"))
        .hasMessageContaining("is enforced (roll back instead)");
    assertThatThrownBy(() -> state.baselines().reject(OWNER, "bl:1", "no", "bob"))
        .hasMessageStartingWith("'bl:1' is not a revision of " + OWNER);
    assertThat(state.baselines().reject(OWNER, "shadow", "not now", "bob"))
        .isEqualTo(shadow.revision());
    assertThat(states()).containsExactly(RevisionState.SUPERSEDED, RevisionState.ENFORCED);
  }

  @Test
  void finishTestRun_twice_makesOneRevision() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    var first = state.finishTestRun(OWNER, "suite passed", "ada").baseline();

    assertThat(state.finishTestRun(OWNER, "again", "ada").baseline()).isEqualTo(first);
    assertThat(states()).hasSize(1);
  }

  @Test
  void rollback_isBackInOneStep_andTheGuardDoesNotUndoIt() throws Exception {
    enforce(PAYMENTS);
    var denied = site.check(state, flow(database(), CURL));
    state.baselines().approveEdges(OWNER, Set.of(edgeOf(CURL)), "CHG-2", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");

    state.baselines().rollback(OWNER, "it was wrong", "bob");

    assertThat(denied.decision().applied()).isInstanceOf(Deny.class);
    site.check(state, flow(database(), CURL));
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
    assertThatThrownBy(() -> state.baselines().rollback(OWNER, "further", "bob"))
        .hasMessageContaining("is the first that was enforced");
  }

  @Test
  void revisions_manyLater_areBounded() throws Exception {
    for (var i = 0; i < 3 * Life.KEPT; i++) {
      site.check(state, flow(database(), program("/app/p" + "x".repeat(i), HASH, Origin.IMAGE)));
      state.finishTestRun(OWNER, "number " + i, "ada");
    }

    assertThat(states()).hasSize(1 + Life.KEPT);
  }

  // approvers

  @Test
  void enforce_anExternalEdge_withApproversConfigured_needsTheirSignature() throws Exception {
    var approver = ServerKeys.fresh();
    restartWith(
        new ServerKeys(
            ServerKeys.fresh(), null, List.of(approver.publicKey()), List.of(), List.of()),
        site.workloads);
    enforce(PAYMENTS);
    site.check(state, flow(elsewhere(), PAYMENTS));
    var edge =
        state.reports().edges(OWNER, true).stream()
            .filter(known -> known.edge().destination().words().startsWith("203.0.113.7"))
            .findFirst()
            .orElseThrow();
    var proposed = state.baselines().approveEdges(OWNER, Set.of(edge.edge().id()), "CHG-3", "ada");
    assertThatThrownBy(() -> state.setMode(ONE, Mode.ENFORCE, "ready", "ada"))
        .hasMessageContaining("leave the mesh and no approver signed them")
        .hasMessageContaining("kith approve " + OWNER + " --key FILE");
    var stranger = SignedBaseline.approve(OWNER, List.of(edge.edge()), ServerKeys.fresh());
    assertThatThrownBy(() -> state.baselines().approve(OWNER, null, stranger, "please", "eve"))
        .hasMessageContaining("the approval is not good");

    var missing = state.reports().revision(OWNER, proposed.revision()).toApprove();
    state
        .baselines()
        .approve(OWNER, null, SignedBaseline.approve(OWNER, missing, approver), "CHG-3", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");

    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("allowed");
  }

  @Test
  void allow_anExternalDestination_withApproversConfigured_needsTheirSignature() throws Exception {
    var approver = ServerKeys.fresh();
    restartWith(
        new ServerKeys(
            ServerKeys.fresh(), null, List.of(approver.publicKey()), List.of(), List.of()),
        site.workloads);
    enforce(PAYMENTS);
    var id = site.check(state, flow(elsewhere(), PAYMENTS)).decisionId();
    var until = site.clock.instant().plus(Duration.ofHours(4));

    assertThatThrownBy(() -> state.rules().allow(OWNER, id, until, null, "CHG-4", "ada"))
        .hasMessageContaining("leaves the mesh, and an approver has to sign that");

    var prepared = state.rules().prepare(OWNER, id, until, "CHG-4", "ada");
    var approval = SignedBaseline.approve(OWNER, List.of(prepared.edge()), approver);
    state.rules().allow(OWNER, id, until, approval, "CHG-4", "ada");
    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("allowed");
  }

  // by hand

  @Test
  void deny_winsOverTheBaseline_untilItIsTakenBack() throws Exception {
    enforce(PAYMENTS);

    var rule = state.rules().deny(OWNER, new Target.OfEdge(edgeOf(PAYMENTS)), null, "INC-1", "ada");
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("denied_by_hand");

    state.rules().remove(OWNER, rule.id(), "over", "ada");
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThatThrownBy(() -> state.rules().remove(OWNER, rule.id(), "again", "ada"))
        .hasMessageContaining("is not one by hand of " + OWNER);
  }

  /** A change that was made while a clock was ahead took them out of the log's state for good. */
  @Test
  void rulesForAWhile_changedWhileTheClockIsAhead_holdWhenItIsPutBack() throws Exception {
    enforce(PAYMENTS);
    var now = site.clock.instant();
    var curl = site.check(state, flow(database(), CURL)).decisionId();
    var month = Duration.ofDays(30);
    state.allow(OWNER, curl, month, "CHG-1", "ada");
    var denied =
        state
            .rules()
            .deny(
                OWNER,
                new Target.OfEdge(edgeOf(PAYMENTS)),
                state.rules().until(month),
                "INC-1",
                "ada");

    site.clock.set(now.plus(month).plus(month));
    state.rules().acknowledge(OWNER, curl, "CHG-1", "bob");
    assertThat(state.reports().rules(OWNER)).isEmpty();
    assertThatThrownBy(() -> state.rules().remove(OWNER, denied.id(), "over", "ada"))
        .hasMessageContaining("is not one by hand of " + OWNER);
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    site.check(state, flow(database(), CURL));
    site.clock.set(now);
    state.rules().acknowledge(OWNER, curl, "the clock was ahead", "bob");

    assertThat(state.reports().rules(OWNER)).extracting(Rule::note).contains("CHG-1", "INC-1");
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("denied_by_hand");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
    state.rules().remove(OWNER, denied.id(), "over", "ada");
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
  }

  /** It was in force, and answered as not found, without an entry for the audit. */
  @Test
  void allow_ofADecisionThatIsPushedOutMeanwhile_isAnswered() throws Exception {
    var id = site.check(state, flow(database(), CURL)).decisionId();
    ((HostileStore) site.store).first =
        () -> {
          try {
            for (var i = 0; i < 1_001; i++) {
              site.check(state, flow(database(), PAYMENTS));
            }
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        };

    var rule = state.allow(OWNER, id, null, "CHG-1", "ada");

    assertThat(state.reports().rules(OWNER)).extracting(Rule::id).containsExactly(rule.edge().id());
    assertThatThrownBy(() -> state.allow(OWNER, id, null, "CHG-2", "ada"))
        .hasMessageContaining("is not among the latest");
  }

  @Test
  void remove_anAllowRule_deniesAgain() throws Exception {
    enforce(PAYMENTS);
    var id = site.check(state, flow(database(), CURL)).decisionId();
    var rule = state.allow(OWNER, id, null, "CHG-1", "ada");

    state.rules().remove(OWNER, rule.edge().id(), "a mistake", "bob");

    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  /** They had one id, so the quarantine that was taken back took the denial with it. */
  @Test
  void quarantine_ofWhatIsDeniedWithTheSameNote_isRefused_andBesideItLeavesTheDenial()
      throws Exception {
    enforce(PAYMENTS, CURL);
    var edge = edgeOf(CURL);
    var denied = state.rules().deny(OWNER, new Target.OfEdge(edge), null, "INC-42", "ada");

    assertThatThrownBy(() -> state.rules().quarantine(OWNER, edge, false, null, "INC-42", "ada"))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "rule "
                + denied.id()
                + " is there already: deny "
                + CURL.processClass().words()
                + " → shop/statefulset/orders-db:5432, by ada with the same note (change the"
                + " note: kith remove would take both back)");
    var other = state.rules().quarantine(OWNER, edge, false, null, "INC-42, a miner", "ada");
    state.rules().remove(OWNER, other.id(), "no miner", "ada");

    assertThat(state.reports().rules(OWNER)).extracting(Rule::id).containsExactly(denied.id());
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("denied_by_hand");
  }

  /** As above: the allow that was taken back opened what the denial had closed. */
  @Test
  void allow_ofWhatIsDeniedWithTheSameNote_isRefused_andTheOtherWayRound() throws Exception {
    enforce(PAYMENTS);
    var curl = site.check(state, flow(database(), CURL)).decisionId();
    var payments = site.check(state, flow(database(), PAYMENTS)).decisionId();
    state.rules().deny(OWNER, new Target.OfDecision(curl), null, "INC-42", "ada");
    state.allow(OWNER, payments, null, "CHG-1", "ada");

    assertThatThrownBy(() -> state.allow(OWNER, curl, null, "INC-42", "ada"))
        .hasMessageContaining(" is there already: deny ");
    assertThatThrownBy(
            () -> state.rules().deny(OWNER, new Target.OfDecision(payments), null, "CHG-1", "ada"))
        .hasMessageContaining(" is there already: allow ");
    assertThatThrownBy(() -> state.allow(OWNER, payments, null, "CHG-1", "ada"))
        .hasMessageStartingWith("the same rule is there already");

    assertThat(state.allow(OWNER, curl, null, "INC-42", "bob").why()).isEqualTo("INC-42");
  }

  @Test
  void quarantine_aWholeProcess_deniesItAndKeepsItFromBeingLearned() throws Exception {
    enforce(PAYMENTS, CURL);

    state.rules().quarantine(OWNER, edgeOf(CURL), true, null, "INC-2", "ada");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("quarantined");
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");

    var proposal = state.finishTestRun(OWNER, "again", "ada");
    assertThat(proposal.baseline().edges())
        .map(edge -> edge.process().path())
        .containsExactly("/app/payments");
  }

  @Test
  void quarantine_forAWhile_endsByItself_andSaysWhoWhyAndUntil() throws Exception {
    enforce(PAYMENTS, CURL);
    var until = site.clock.instant().plus(Duration.ofHours(4));

    state.rules().quarantine(OWNER, edgeOf(CURL), false, until, "INC-2", "ada");

    assertThat(site.check(state, flow(database(), CURL)).decision().applied())
        .isEqualTo(
            new Deny(
                null,
                new Reason.Quarantined(
                    "/usr/bin/curl as curl → shop/statefulset/orders-db:5432: INC-2 (ada, until "
                        + until
                        + ")")));
    assertThat(state.reports().rules(OWNER))
        .singleElement()
        .satisfies(rule -> assertThat(rule.lastUsed()).isEqualTo(site.clock.instant()));
    site.clock.set(until);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  /** A flush that races it brings nothing back either: the rule is in the log, not in the parts. */
  @Test
  void quarantine_isNeverProposedByItself() throws Exception {
    for (var hour = 0; hour <= 60; hour++) {
      site.clock.set(Shop.NOON.plus(Duration.ofHours(hour)));
      site.check(state, flow(database(), PAYMENTS));
      site.check(state, flow(database(), program("/app/miner", HASH, Origin.IMAGE)));
    }
    state
        .rules()
        .quarantine(
            OWNER, edgeOf(program("/app/miner", HASH, Origin.IMAGE)), true, null, "INC-2", "ada");

    state.tidy();

    assertThat(state.reports().revision(OWNER, null).entry().baseline().edges())
        .map(edge -> edge.process().path())
        .containsExactly("/app/payments");
  }

  @Test
  void acknowledge_takesTheItemFromTheReview_andTrustsNothing() throws Exception {
    enforce(PAYMENTS);
    site.check(state, flow(database(), DROPPED));
    assertThat(state.reports().edges(OWNER, true)).hasSize(1);

    state.rules().acknowledge(OWNER, edgeOf(DROPPED), "known test", "ada");

    assertThat(state.reports().edges(OWNER, true)).isEmpty();
    assertThat(site.reason(state, flow(database(), DROPPED))).isEqualTo("origin_not_in_image");
    assertThat(state.reports().coverage(OWNER).getFirst().reviewItems()).isZero();
  }

  @Test
  void relearn_forgetsWhatWasSeen_andKeepsWhatIsEnforced() throws Exception {
    enforce(PAYMENTS);
    site.check(state, flow(database(), CURL));

    state.rules().relearn(OWNER, null, "a new team", "ada");

    assertThat(state.edges(OWNER))
        .singleElement()
        .satisfies(
            edge -> {
              assertThat(edge.state()).isEqualTo(EdgeState.APPROVED);
              assertThat(edge.why()).isEqualTo("in the baseline, not seen by this server");
            });
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
  }

  @Test
  void relearn_oneProcess_forgetsOnlyThat() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    site.check(state, flow(database(), CURL));

    state.rules().relearn(OWNER, edgeOf(CURL), "it changed", "ada");

    assertThat(state.edges(OWNER))
        .map(edge -> edge.edge().process().path())
        .containsExactly("/app/payments");
  }

  // compiling

  /** Who had looked at one revision enforced what another had proposed meanwhile. */
  @Test
  void mode_ofARevision_whenAnotherWaits_isRefused() throws Exception {
    enforce(PAYMENTS, CURL);
    var seen = newest().revision();
    state.setMode(ONE, Mode.ENFORCE, seen, "nothing waits", "ada");
    proposeNext(without(CURL, newest()));
    var other = newest().revision();

    assertThatThrownBy(() -> state.setMode(ONE, Mode.ENFORCE, seen, "reviewed", "ada"))
        .hasMessage(
            OWNER
                + " has "
                + other
                + ", and not "
                + seen
                + ": others changed it meanwhile (kith revisions "
                + OWNER
                + " says who)");
    assertThatThrownBy(
            () -> state.setMode(new ScopeName.Mesh(), Mode.ENFORCE, seen, "reviewed", "ada"))
        .hasMessageContaining("expected: only with shadow or enforce of one workload");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");

    state.setMode(ONE, Mode.ENFORCE, other, "reviewed", "ada");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  @Test
  void mode_changes_theRulesAreNotCompiledAgain_andARuleByHandIs() throws Exception {
    enforce(PAYMENTS, CURL);
    var before = state.snapshot(CHECKOUT);

    state.setMode(ONE, Mode.SHADOW, "look", "ada");
    state.setMode(new ScopeName.Mesh(), Mode.OBSERVE, "all", "ada");

    var after = state.snapshot(CHECKOUT);
    assertThat(after.mode()).isEqualTo(Mode.SHADOW);
    assertThat(after.enforced()).isNotNull().isSameAs(before.enforced());

    state.rules().deny(OWNER, new Target.OfEdge(edgeOf(CURL)), null, "INC-3", "ada");
    assertThat(state.snapshot(CHECKOUT).enforced()).isNotSameAs(before.enforced());
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("denied_by_hand");
  }

  // the blast-radius guard

  /** Takes curl out of the baseline by a policy of another environment. */
  private void enforceWithoutCurl() throws Exception {
    enforce(PAYMENTS, CURL);
    enforceNext(without(CURL, newest()));
  }

  private Baseline newest() throws Exception {
    return state.reports().revision(OWNER, null).entry().baseline();
  }

  private static List<Edge> without(Candidate program, Baseline baseline) {
    return baseline.edges().stream()
        .filter(edge -> !edge.process().equals(program.processClass()))
        .toList();
  }

  private void proposeNext(List<Edge> edges) throws Exception {
    state.baselines().arrive(List.of(Baseline.of(OWNER, null, edges)), "qa", "ada");
  }

  private void enforceNext(List<Edge> edges) throws Exception {
    proposeNext(edges);
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
  }

  @Test
  void guard_onceApprovedAndDeniedOnHalfOfThePods_isReopenedForAnHour() throws Exception {
    enforceWithoutCurl();

    var denied = site.check(state, flow(database(), CURL));

    assertThat(denied.decision().applied()).isInstanceOf(Deny.class);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
    assertThat(state.audit(null, 0, 1).getFirst().change())
        .satisfies(
            change -> {
              assertThat(change.kind()).isEqualTo("reopen");
              assertThat(change.author()).isEqualTo("blast-radius guard");
            });
    site.clock.set(site.clock.instant().plus(Duration.ofHours(1)));
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("expired");
  }

  @Test
  void guard_intruder_neitherOpensAnythingNorSpendsTheBudget() throws Exception {
    enforceWithoutCurl();
    var before = state.store().position();

    // another program, another place, a copy from elsewhere, a destination that was never approved
    for (var i = 0; i < 50; i++) {
      site.check(state, flow(database(), program("/usr/bin/nc", HASH, Origin.IMAGE)));
      site.check(state, flow(database(), DROPPED));
      site.check(state, flow(database(), program("/usr/bin/curl", HASH, Origin.WRITABLE_LAYER)));
      site.check(state, flow(elsewhere(), CURL));
    }
    assertThat(state.store().position()).isEqualTo(before);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");

    // and the mistake of the revision is still healed
    site.check(state, flow(database(), CURL));
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  /** Made anew it was as if nobody had left it: the guard reopened what a person then rejected. */
  @Test
  void guard_rolledBackThenMadeAnewAndRejected_reopensNothing() throws Exception {
    rollBackFromCurlAndMakeItAnew();

    state.baselines().reject(OWNER, null, "still wrong", "bob");

    assertCurlIsNotReopened();
  }

  @Test
  void guard_rolledBackThenMadeAnewAndFollowedByAnother_reopensNothing() throws Exception {
    var nc = program("/usr/bin/nc", HASH, Origin.IMAGE);
    rollBackFromCurlAndMakeItAnew(nc);

    state.baselines().approveEdges(OWNER, Set.of(edgeOf(nc)), "CHG-3", "ada");

    assertCurlIsNotReopened();
  }

  /** The revision before the one that took curl out has it too, and nobody left that one. */
  @Test
  void guard_rolledBackFromWhatAnEarlierRevisionHad_reopensNothing() throws Exception {
    enforce(PAYMENTS, CURL);
    var both = newest();
    enforceNext(without(CURL, both));
    enforceNext(both.edges());
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");

    state.baselines().rollback(OWNER, "it was wrong", "bob");

    assertCurlIsNotReopened();
  }

  /** The guard knew by then what it would reopen. */
  @Test
  void guard_rejectedWhatAnEarlierRevisionHad_reopensNothing() throws Exception {
    enforce(PAYMENTS, CURL);
    var both = newest();
    enforceNext(without(CURL, both));
    site.check(state, flow(database(), program("/usr/bin/nc", HASH, Origin.IMAGE)));
    proposeNext(both.edges());

    state.baselines().reject(OWNER, null, "not any more", "bob");

    assertCurlIsNotReopened();
  }

  @Test
  void guard_rolledBackFrom_andDecidedSince_isReopened() throws Exception {
    enforce(PAYMENTS, CURL);
    var both = newest();
    enforceNext(without(CURL, both));
    enforceNext(both.edges());
    state.baselines().rollback(OWNER, "it was wrong", "bob");
    enforceNext(both.edges());
    enforceNext(without(CURL, both));

    site.check(state, flow(database(), CURL));

    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  /** Who rolls back to what has it does not take it away. */
  @Test
  void guard_rolledBackFromAnotherThatHadIt_isReopened() throws Exception {
    enforce(PAYMENTS, CURL);
    var both = newest();
    var nc = program("/usr/bin/nc", HASH, Origin.IMAGE);
    var more = new ArrayList<>(both.edges());
    more.add(Edge.learned(nc.processClass(), both.edges().getFirst().destination()));
    enforceNext(more);
    state.baselines().rollback(OWNER, "it was wrong", "bob");
    enforceNext(without(CURL, both));
    site.check(state, flow(database(), nc));
    assertThat(site.reason(state, flow(database(), nc))).isEqualTo("new_process");

    site.check(state, flow(database(), CURL));

    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  /** Servers reopened that, so logs have it. */
  @Test
  void reopen_ofWhatWasRolledBackThenMadeAnewAndRejected_inALogOfBefore_isFolded()
      throws Exception {
    var made = rollBackFromCurlAndMakeItAnew();
    state.baselines().reject(OWNER, null, "still wrong", "bob");
    var now = site.clock.instant();
    var curl =
        made.edges().stream()
            .filter(edge -> edge.process().equals(CURL.processClass()))
            .map(
                edge ->
                    Edge.byHand(
                        edge.process(),
                        edge.destination(),
                        null,
                        null,
                        new Provenance.ByHand("guard", "denied", now.plusSeconds(60))))
            .findFirst()
            .orElseThrow();

    var life = ((Standing) Objects.requireNonNull(state.folded().get(OWNER.toString()))).life();

    assertThat(life.gone()).isEmpty();
    assertThat(
            life.reopen(
                Objects.requireNonNull(made.parent()),
                curl,
                new Change(now, "guard", "denied", "reopen", OWNER.toString(), "{}")))
        .isInstanceOf(Life.Step.Taken.class);
  }

  private Baseline rollBackFromCurlAndMakeItAnew(Candidate... others) throws Exception {
    enforce(PAYMENTS);
    site.check(state, flow(database(), CURL));
    for (var other : others) {
      site.check(state, flow(database(), other));
    }
    var made = state.baselines().approveEdges(OWNER, Set.of(edgeOf(CURL)), "CHG-2", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    state.baselines().rollback(OWNER, "it was wrong", "bob");
    assertThat(state.baselines().approveEdges(OWNER, Set.of(edgeOf(CURL)), "CHG-2", "ada"))
        .isEqualTo(made);
    return made;
  }

  private void assertCurlIsNotReopened() throws Exception {
    var before = state.store().position();

    site.check(state, flow(database(), CURL));

    assertThat(state.store().position()).isEqualTo(before);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  @Test
  void guard_deniedByHand_staysDenied() throws Exception {
    enforce(PAYMENTS, CURL);
    state.rules().deny(OWNER, new Target.OfEdge(edgeOf(CURL)), null, "INC-3", "ada");
    state.finishTestRun(OWNER, "again", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    var before = state.store().position();

    site.check(state, flow(database(), CURL));

    assertThat(state.store().position()).isEqualTo(before);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("denied_by_hand");
  }

  /** A workload of host processes has the origin HOST, which the guard and rules ignored. */
  @Test
  void hostWorkload_rulesAndGuard_takeHostCodeForItsOwn() throws Exception {
    var onHost = new Workload(OWNER, CHECKOUT.environment(), CHECKOUT.spiffeIds(), true);
    restartWith(ServerKeys.ephemeral(), List.of(onHost));
    var app = program("/opt/app", HASH, Origin.HOST);
    var tool = program("/opt/tool", HASH, Origin.HOST);
    site.check(state, onHost, flow(database(), app));
    state.finishTestRun(OWNER, "suite passed", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    CheckRecord denied = site.check(state, onHost, flow(database(), tool));

    var rule = state.allow(OWNER, denied.decisionId(), null, "CHG-5", "ada");

    assertThat(rule.edge().sha256()).as("allowed by its class, not as a stranger's file").isNull();
    assertThat(site.reason(state, flow(database(), tool))).isEqualTo("allowed");
  }
}
