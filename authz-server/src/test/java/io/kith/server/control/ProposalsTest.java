package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DB;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.change.RevisionState;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.server.store.InMemoryStore;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the server proposes by itself. */
@Timeout(600)
class ProposalsTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);

  private final Site site = new Site(new InMemoryStore());
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state = site.server();
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private Instant after(int hours) {
    return NOON.plus(Duration.ofHours(hours));
  }

  /** Two days of what the programs do every hour, which is enough to end learning. */
  private void learn(Candidate... programs) throws Exception {
    speak(0, 60, programs);
  }

  private void speak(int from, int to, Candidate... programs) throws Exception {
    for (var hour = from; hour <= to; hour++) {
      site.clock.set(after(hour));
      for (var program : programs) {
        site.check(state, flow(database(), program));
      }
    }
  }

  private List<Reports.Revision> revisions() throws Exception {
    return state.reports().revisions(OWNER);
  }

  private List<RevisionState> states() throws Exception {
    return revisions().stream().map(revision -> revision.entry().state()).toList();
  }

  private List<String> programs() throws Exception {
    return revisions().getFirst().entry().baseline().edges().stream()
        .map(edge -> edge.process().path())
        .sorted()
        .toList();
  }

  @Test
  void tidy_whileLearningLasts_proposesNothing() throws Exception {
    speak(0, 20, PAYMENTS);

    state.tidy();

    assertThat(revisions()).isEmpty();
    assertThat(state.reports().coverage(OWNER).getFirst().waitsFor()).isNotEmpty();
  }

  @Test
  void tidy_learningComplete_proposesOnce_andEnforcesNothing() throws Exception {
    learn(PAYMENTS);

    state.tidy();
    state.tidy();

    assertThat(states()).containsExactly(RevisionState.PROPOSED);
    assertThat(programs()).containsExactly("/app/payments");
    assertThat(revisions().getFirst().entry().by()).isEqualTo("learner");
    assertThat(revisions().getFirst().entry().why())
        .isEqualTo("learning is complete: 60 h, 1 pods, an estimated 0.0 % of the traffic unseen");
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
    assertThat(state.states().get(1).waitsFor())
        .singleElement()
        .asString()
        .startsWith("a person: learner brought bl:");
  }

  @Test
  void tidy_modeEnforceIsAsked_stillWaitsForAPerson() throws Exception {
    state.setMode(new ScopeName.Mesh(), Mode.SHADOW, "all", "ada");
    learn(PAYMENTS);

    state.tidy();

    assertThat(states()).containsExactly(RevisionState.PROPOSED);
  }

  @Test
  void tidy_neverSpoke_isNotSeenAtAll_soNothingIsProposed() throws Exception {
    site.clock.set(after(24 * 30));

    state.tidy();

    assertThat(revisions()).isEmpty();
  }

  @Test
  void tidy_onlyDoubtfulTraffic_proposesNoEmptyBaseline() throws Exception {
    for (var hour = 0; hour <= 24 * 15; hour += 12) {
      site.clock.set(after(hour));
      site.check(state, flow(database(), DROPPED));
    }

    state.tidy();

    assertThat(revisions()).isEmpty();
    assertThatThrownBy(() -> state.baselines().propose(OWNER, "now", "ada"))
        .hasMessageStartingWith("no edge of " + OWNER + " has enough support by now")
        .hasMessageContaining("/tmp/payments")
        .hasMessageContaining("the executable is not from the image");
  }

  @Test
  void tidy_whatWasRejected_isNotProposedAgainUnchanged() throws Exception {
    learn(PAYMENTS);
    state.tidy();
    state.baselines().reject(OWNER, null, "not yet", "bob");

    speak(61, 70, PAYMENTS);
    state.tidy();
    assertThat(states()).containsExactly(RevisionState.SUPERSEDED);

    speak(71, 140, PAYMENTS, CURL);
    state.tidy();
    assertThat(states()).containsExactly(RevisionState.PROPOSED, RevisionState.SUPERSEDED);
    assertThat(programs()).containsExactly("/app/payments", "/usr/bin/curl");
  }

  @Test
  void tidy_whatWasRejected_isRememberedThroughManyLaterProposals() throws Exception {
    learn(PAYMENTS);
    state.tidy();
    state.baselines().reject(OWNER, null, "not yet", "bob");
    for (var i = 0; i < 2 * Life.KEPT; i++) {
      site.check(
          state,
          flow(
              database(),
              Shop.program("/app/p" + "x".repeat(i), Shop.HASH, CURL.fingerprint().origin())));
      state.finishTestRun(OWNER, "number " + i, "ada");
    }

    assertThat(revisions())
        .anySatisfy(one -> assertThat(one.entry().why()).isEqualTo("rejected: not yet"));
  }

  @Test
  void tidy_whatAPersonProposed_isLeftToThem() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    learn(PAYMENTS, CURL);

    state.tidy();

    assertThat(states()).containsExactly(RevisionState.PROPOSED);
    assertThat(programs()).containsExactly("/app/payments");
  }

  @Test
  void tidy_underEnforce_candidatesAreOneReviewItemEach_andNotProposed() throws Exception {
    learn(PAYMENTS);
    state.tidy();
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    speak(61, 140, PAYMENTS, CURL);

    state.tidy();

    assertThat(states()).containsExactly(RevisionState.ENFORCED);
    assertThat(state.reports().edges(OWNER, true))
        .singleElement()
        .satisfies(
            item -> {
              assertThat(item.process()).isEqualTo("/usr/bin/curl");
              assertThat(item.state()).isEqualTo(EdgeState.CANDIDATE);
            });
    assertThat(state.reports().coverage(OWNER).getFirst().reviewItems()).isEqualTo(1);
  }

  @Test
  void tidy_externalDestination_isNoPartOfIt() throws Exception {
    for (var hour = 0; hour <= 60; hour++) {
      site.clock.set(after(hour));
      site.check(state, flow(database(), PAYMENTS));
      site.check(state, flow(elsewhere(), PAYMENTS));
    }

    state.tidy();

    assertThat(revisions().getFirst().entry().baseline().edges()).hasSize(1);
    assertThat(revisions().getFirst().problem()).isNull();
  }

  // out of use

  @Test
  void unusedEdge_isMarkedThenProposedForRemoval_andStillDecides() throws Exception {
    learn(PAYMENTS, CURL);
    state.tidy();
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    for (var day = 3; day <= 40; day++) {
      speak(24 * day, 24 * day, PAYMENTS);
    }
    assertThat(state.reports().lint(OWNER))
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.where()).startsWith("baseline bl:").endsWith(" of " + OWNER);
              assertThat(finding.rule()).startsWith("/usr/bin/curl");
              assertThat(finding.what()).startsWith("no flow since 2026-11-28T00:00:00Z");
            });

    for (var day = 41; day <= 120; day++) {
      for (var hour = 0; hour < 24; hour++) { // exposure is running time
        site.clock.set(after(24 * day + hour));
        site.check(state, flow(database(), PAYMENTS));
      }
    }
    state.tidy();

    assertThat(states()).containsExactly(RevisionState.PROPOSED, RevisionState.ENFORCED);
    assertThat(programs()).containsExactly("/app/payments");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  @Test
  void propose_nothingNew_isRefusedAndSaysWhatWaits() throws Exception {
    learn(PAYMENTS);
    state.baselines().propose(OWNER, "now", "ada");
    site.check(state, flow(database(), CURL));

    assertThatThrownBy(() -> state.baselines().propose(OWNER, "again", "ada"))
        .isInstanceOfSatisfying(
            RefusedException.class,
            refused -> assertThat(refused.kind()).isEqualTo(RefusedException.Kind.PRECONDITION))
        .hasMessageStartingWith("nothing would change: bl:")
        .hasMessageContaining("/usr/bin/curl")
        .hasMessageContaining(DB.owner() + ":5432: seen in 1 of 3 distinct hours");
    assertThat(states()).hasSize(1);
  }

  /** After a restart nobody remembered what had been refused, and support alone brought it in. */
  @Test
  void propose_afterARestartUnderEnforce_leavesWhatWasRefusedToAPerson() throws Exception {
    learn(PAYMENTS);
    state.tidy();
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    speak(61, 140, PAYMENTS, CURL);
    site.flush(state);
    state.close();
    state = site.server();

    assertThatThrownBy(() -> state.baselines().propose(OWNER, "again", "ada"))
        .hasMessageStartingWith("nothing would change: bl:")
        .hasMessageContaining("/usr/bin/curl")
        .hasMessageContaining("it was refused: only a person allows it");
    var run = state.finishTestRun(OWNER, "suite passed", "ada");
    assertThat(run.baseline().edges())
        .map(edge -> edge.process().path())
        .containsExactly("/app/payments");
  }
}
