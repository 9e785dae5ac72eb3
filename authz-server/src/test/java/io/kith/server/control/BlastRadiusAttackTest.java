package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.program;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.change.BlastRadiusGuard;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.server.check.CheckRecord;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * An intruder wants enforcement to switch itself off (research: hazards, 1.1).
 *
 * <p>The workload has four pods. Its revision in force lost curl by mistake, which the one before
 * had. The intruder runs what it likes in one pod or in all of them, and has done so since observe.
 */
@Timeout(600)
class BlastRadiusAttackTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);
  private static final List<String> PODS =
      List.of("10.88.1.1", "10.88.1.2", "10.88.1.3", "10.88.1.4");
  private static final String OURS = PODS.getFirst();
  private static final Flow LOST = flow(database(), CURL);

  private final HostileStore store = new HostileStore();
  private final Site site = new Site(store);
  private ControlState state;
  private long before;

  @BeforeEach
  void enforceARevisionThatLostCurl() throws Exception {
    state = site.server();
    for (var hour = 0; hour < 10; hour++) {
      for (var pod : PODS) {
        check(pod, flow(database(), PAYMENTS));
        check(pod, LOST);
        check(pod, flow(elsewhere(), PAYMENTS)); // the intruder, while everything passes
      }
      pass(Duration.ofHours(1));
    }
    var first = state.finishTestRun(OWNER, "suite passed", "ada").baseline();
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    var without =
        first.edges().stream().filter(edge -> !edge.process().equals(CURL.processClass())).toList();
    state
        .baselines()
        .arrive(List.of(Baseline.of(OWNER, first.revision(), without)), "tidied up", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    before = state.store().position();
    assertThat(site.reason(state, LOST)).isEqualTo("new_process");
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private void check(String pod, Flow flow) throws Exception {
    var one = Shop.answered(state.snapshot(CHECKOUT), flow, site.clock.instant());
    state.record(
        new CheckRecord(
            one.decisionId(),
            one.traceId(),
            one.time(),
            one.reporter(),
            one.workload(),
            IpAddress.parse(pod),
            one.flow(),
            one.decision(),
            false));
    state.flush();
  }

  private void pass(Duration time) {
    site.clock.set(site.clock.instant().plus(time));
  }

  private void assertNothingIsReopened() {
    assertThat(state.store().position()).as("changes").isEqualTo(before);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(site.reason(state, LOST)).isEqualTo("new_process");
    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("new_destination");
  }

  private void dialTheirOwnHostFromAllPods() throws Exception {
    for (var round = 0; round < 50; round++) {
      for (var pod : PODS) {
        check(pod, flow(elsewhere(), PAYMENTS));
      }
    }
  }

  private void runCopiesOfCurlFromAllPods() throws Exception {
    for (var origin : List.of(Origin.WRITABLE_LAYER, Origin.MEMFD, Origin.MOUNT, Origin.UNKNOWN)) {
      Candidate copy = program("/usr/bin/curl", HASH, origin);
      for (var pod : PODS) {
        check(pod, flow(database(), copy));
      }
    }
  }

  private void runCurlOnOnePod() throws Exception {
    for (var round = 0; round < 1_000; round++) {
      check(OURS, LOST);
    }
  }

  @Test
  void whatObserveLetPass_wasNeverApproved_fromAllPods() throws Exception {
    dialTheirOwnHostFromAllPods();

    assertNothingIsReopened();
  }

  @Test
  void anEdgeOnceApproved_byCodeThatIsNotTheImages_fromAllPods() throws Exception {
    runCopiesOfCurlFromAllPods();

    assertNothingIsReopened();
  }

  @Test
  void anEdgeOnceApproved_byTheRealProgram_butOnOnePod_howeverLoud() throws Exception {
    runCurlOnOnePod();

    assertNothingIsReopened();
  }

  /** Pods that were silent for an hour did not count, so one pod of four was all of them. */
  @Test
  void anEdgeOnceApproved_byNight_whileTheOtherPodsAreSilent() throws Exception {
    for (var minute = 0; minute < 120; minute += 5) {
      pass(Duration.ofMinutes(5));
      check(OURS, LOST);
    }

    assertNothingIsReopened();
  }

  private boolean told(String revision, String pod, Candidate process, int running) {
    return state.denied(
        new FleetDenial(
            OWNER,
            revision,
            IpAddress.parse(pod),
            1,
            process,
            database().destination(),
            new Reason.NewProcess()),
        running);
  }

  private String revision() throws Exception {
    return state.reports().revision(OWNER, null).entry().baseline().revision();
  }

  /** Check servers tell what they deny; the same rules hold for what they say. */
  @Test
  void aCheckServer_thatTellsOfOnePod_ofAnotherRevision_orOfOtherCode() throws Exception {
    for (var i = 0; i < 50; i++) {
      assertThat(told(revision(), OURS, CURL, 1)).isTrue(); // it denies that there are others
      assertThat(told("bl:" + "0".repeat(32), PODS.get(1), CURL, 1)).isFalse();
      assertThat(
              told(
                  revision(),
                  PODS.get(1),
                  program("/usr/bin/curl", HASH, Origin.WRITABLE_LAYER),
                  1))
          .isFalse();
      assertThat(told(revision(), PODS.get(1), PAYMENTS, 1)).isFalse();
    }

    assertNothingIsReopened();
  }

  @Test
  void checkServers_thatSeeItOnHalfOfThePods_healIt() throws Exception {
    assertThat(told(revision(), PODS.get(0), CURL, 6)).isTrue();
    assertThat(told(revision(), PODS.get(1), CURL, 6)).isTrue();
    assertNothingIsReopened(); // six run, as they say

    assertThat(told(revision(), PODS.get(2), CURL, 6)).isTrue();

    assertThat(site.reason(state, LOST)).isEqualTo("allowed");
    assertThat(told(revision(), PODS.get(3), CURL, 6)).as("not a second time").isFalse();
  }

  /** It was spent until the server restarted, though nothing had been reopened. */
  @Test
  void theBudget_isNotSpentWhileTheStoreIsAway() throws Exception {
    store.away = true;
    check(PODS.get(0), LOST);
    check(PODS.get(1), LOST);
    store.away = false;
    assertNothingIsReopened();

    pass(BlastRadiusGuard.AGAIN);
    check(PODS.get(2), LOST);

    assertThat(site.reason(state, LOST)).isEqualTo("allowed");
    assertThat(state.audit(null, 0, 1).getFirst().change().kind()).isEqualTo("reopen");
  }

  @Test
  void theBudget_isNotSpentByAnyOfIt_soAnAccidentIsStillHealed_edgeByEdge_forAnHour()
      throws Exception {
    dialTheirOwnHostFromAllPods();
    runCopiesOfCurlFromAllPods();
    runCurlOnOnePod();
    assertNothingIsReopened();

    check(PODS.get(1), LOST); // the application, on a second pod of four

    assertThat(site.reason(state, LOST)).isEqualTo("allowed");
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("new_destination");
    assertThat(site.reason(state, flow(elsewhere(), CURL))).isEqualTo("new_destination");
    assertThat(
            site.reason(
                state, flow(database(), program("/usr/bin/curl", HASH, Origin.WRITABLE_LAYER))))
        .isEqualTo("origin_not_in_image");
    var change = state.audit(null, 0, 1).getFirst().change();
    assertThat(change.author()).isEqualTo("blast-radius guard");
    assertThat(change.note()).startsWith("approved before, and denied on 2 of 4 replicas");

    pass(Duration.ofHours(1));
    assertThat(site.reason(state, LOST)).isEqualTo("expired");
    for (var pod : PODS) {
      check(pod, LOST);
    }
    assertThat(site.reason(state, LOST)).as("not a second time").isEqualTo("expired");
  }
}
