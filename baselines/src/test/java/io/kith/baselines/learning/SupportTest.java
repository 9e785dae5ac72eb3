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
import io.kith.baselines.process.Candidate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an edge still lacks, in the words that an operator reads. */
class SupportTest {
  private static final String ENOUGH = "enough support";
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final LearningSettings UNATTENDED = DEFAULTS.unattended(Duration.ofDays(7));
  private static final Candidate APP = program("/app", "sha256:1");
  private static final Candidate CURL = program("/usr/bin/curl", "sha256:1", "/app");
  private static final Destination DB = service("db.shop.svc.cluster.local");
  private static final Destination API = external("api.psp.example");

  /** So many pods all the time, of which so many show the edge: a majority is needed. */
  @ParameterizedTest
  @CsvSource({
    "2, 1, seen on 1 of 2 replicas",
    "2, 2, enough support",
    "3, 2, enough support",
    "4, 2, enough support",
    "5, 2, seen on 2 of 3 replicas",
    "5, 3, enough support",
    "8, 3, seen on 3 of 4 replicas"
  })
  void standing_ofManyReplicas(int pods, int showed, String why) {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var i = 0; i < pods; i++) {
      learner.started(pod("pod-" + i, START, null));
    }
    for (var i = 0; i < showed; i++) {
      learner.observe(seen(APP, DB, "pod-" + i, after("1H")));
    }

    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo(why);
  }

  @Test
  void standing_aFewOfManyIncarnations_areTooFew() {
    var learner = twoAtATimeForTwoHoursEach();
    learner.observe(seen(APP, DB, "a-0", after("1H")));
    learner.observe(seen(APP, DB, "b-0", after("1H")));
    assertThat(why(learner, APP, DB, after("24H")))
        .isEqualTo("seen on 14 % of the pods since (needs 25 %)");

    // four of the sixteen until half a day after the last of them
    learner.observe(seen(APP, DB, "a-2", after("3H")));
    learner.observe(seen(APP, DB, "b-2", after("3H")));
    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo(ENOUGH);
  }

  private static Learner twoAtATimeForTwoHoursEach() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var hour = 0; hour < 24; hour += 2) {
      for (var pod : List.of("a-", "b-")) {
        learner.started(
            new Instance(pod + hour, after(hour + "H"), after((hour + 2) + "H"), null, false));
      }
    }
    return learner;
  }

  @Test
  void standing_ofOneReplica_needsHoursAndTime_elseToBeThereAtEveryStart() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(pod("a", START, null));
    learner.observe(seen(APP, DB, "a", after("5M")));
    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo(ENOUGH);

    learner.observe(seen(APP, DB, "a", after("5M1S")));
    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo("seen in 1 of 3 distinct hours");

    learner.observe(seen(APP, DB, "a", after("1H")));
    learner.observe(seen(APP, DB, "a", after("2H")));
    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo("seen over 1 h of 6 h");

    learner.observe(seen(APP, DB, "a", after("6H5M")));
    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo(ENOUGH);
  }

  @Test
  void standing_atTheStartOfSomePodsOnly_needsMore() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var hour = 0; hour < 24; hour += 2) {
      learner.started(
          new Instance("a-" + hour, after(hour + "H"), after((hour + 2) + "H"), null, false));
    }
    learner.observe(new Observation(APP, DB, "a-0", after("1M"), START));

    assertThat(why(learner, APP, DB, after("24H"))).isEqualTo("seen in 1 of 3 distinct hours");
  }

  // ---- what an intruder would do

  @Test
  void standing_aToolOnNearlyAllPods_isEnough() {
    var learner = fivePods(DEFAULTS);
    for (var pod : List.of("0", "1", "2", "3")) {
      learner.observe(seen(CURL, DB, pod, after("1H")));
    }

    assertThat(why(learner, CURL, DB, after("2H"))).isEqualTo(ENOUGH);
  }

  /** An inventory may know pods that start later. */
  @Test
  void standing_isThatOfThePodsUntilNow() {
    var learner = fivePods(DEFAULTS);
    for (var i = 0; i < 5; i++) {
      learner.started(pod("later-" + i, after("3H"), null));
    }
    onAll(learner, CURL, DB, "1H");

    assertThat(why(learner, CURL, DB, after("2H"))).isEqualTo(ENOUGH);
    assertThat(why(learner, CURL, DB, after("3H")))
        .isEqualTo("a shell or tool on 50 % of the pods (80 % needed)");
  }

  @Test
  void standing_aSensitiveDestinationOnTwoDays_isNotEnough() {
    var learner = fivePods(DEFAULTS);
    var metadata = address("169.254.169.254", 80);
    for (var pod : List.of("0", "1", "2")) {
      learner.observe(seen(APP, metadata, pod, after("1H")));
      learner.observe(seen(APP, metadata, pod, after("25H")));
    }

    assertThat(why(learner, APP, metadata, after("26H")))
        .isEqualTo(
            "a sensitive destination, seen by 60 % of the pods on 2 days (80 % or 3 days needed)");

    learner.observe(seen(APP, metadata, "3", after("25H")));
    assertThat(why(learner, APP, metadata, after("26H"))).isEqualTo(ENOUGH);
  }

  @Test
  void waitsFor_aToolOnNearlyAllPods_countsAsNew_onFewItDoesNot() {
    var learner = fivePods(DEFAULTS);
    for (var pod : List.of("0", "1", "2")) {
      learner.observe(seen(CURL, DB, pod, after("23H")));
    }
    assertThat(learner.waitsFor(after("24H"))).isEmpty();

    learner.observe(seen(CURL, DB, "3", after("23H")));
    assertThat(learner.waitsFor(after("25H"))).contains("22 h more without a new edge");
  }

  @Test
  void waitsFor_aToolAtASensitiveDestination_countsAsNewOnNearlyAllPodsOnly() {
    var learner = fivePods(DEFAULTS);
    var metadata = address("169.254.169.254", 80);
    for (var pod : List.of("0", "1", "2")) {
      learner.observe(seen(CURL, metadata, pod, after("23H")));
    }
    assertThat(learner.waitsFor(after("24H"))).isEmpty();

    learner.observe(seen(CURL, metadata, "3", after("23H")));
    assertThat(learner.waitsFor(after("25H"))).contains("22 h more without a new edge");
  }

  @Test
  void waitsFor_aProgramThatIsNoTool_countsAsNewOnAnyPod() {
    var learner = fivePods(DEFAULTS);
    learner.observe(seen(APP, DB, "0", after("23H")));

    assertThat(learner.waitsFor(after("24H"))).contains("23 h more without a new edge");
  }

  /** How many pods run at a time is the median over the life of the workload. */
  @Test
  void standing_ofPodsThatComeAndGo_countsWhatRunsMostOfTheTime() {
    var many = "seen on 1 of 3 replicas";
    var single = "seen in 1 of 3 distinct hours";

    assertThat(whyOfOneAmong("6H", "100H", "7H", "100H")).isEqualTo(single);
    assertThat(whyOfOneAmong("4H", "100H", "3H", "100H")).isEqualTo(many);
    assertThat(whyOfOneAmong("0H", "3H30M", "6H30M", "100H")).isEqualTo(many);
    assertThat(whyOfOneAmong("0H", "2H", "8H", "100H")).isEqualTo(single);
  }

  /**
   * One pod all the time, and four in each of two periods; asked early too, which changes nothing.
   */
  private static String whyOfOneAmong(String from, String until, String from2, String until2) {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(pod("0", START, null));
    for (var i = 1; i < 5; i++) {
      learner.started(new Instance("p" + i, after(from), after(until), null, false));
      if (!until.equals(until2)) {
        learner.started(new Instance("q" + i, after(from2), after(until2), null, false));
      }
    }
    learner.observe(seen(APP, DB, "0", after("1H")));
    why(learner, APP, DB, after("1H"));
    return why(learner, APP, DB, after("10H"));
  }

  @Test
  void standing_atTheStartOfFourInFivePods_isEnough() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var i = 0; i < 5; i++) {
      var start = after(10 * i + "M"); // all in one hour, which is too few by themselves
      learner.started(new Instance("" + i, start, after(10 * i + 10 + "M"), null, false));
      if (i < 4) {
        learner.observe(new Observation(APP, DB, "" + i, start.plusSeconds(60), start));
      }
    }

    assertThat(why(learner, APP, DB, after("10H"))).isEqualTo(ENOUGH);
  }

  @Test
  void standing_unattended_anExternalNameByATool_needsAPerson_unlessItIsThePodsProgramOrAJobs() {
    var started = fivePods(UNATTENDED);
    onAll(started, CURL, API, "1H");
    assertThat(why(started, CURL, API, after("2H")))
        .isEqualTo("an external name, reached by a shell or tool, needs a voucher or a reviewer");

    var itself = program("/usr/bin/curl", "sha256:1");
    var alone = fivePods(UNATTENDED);
    onAll(alone, itself, API, "1H");
    assertThat(why(alone, itself, API, after("2H"))).isEqualTo(ENOUGH);

    var jobs = learner(UNATTENDED, Vouchers.NONE);
    for (var run : List.of("0", "1")) {
      jobs.started(new Instance(run, START, after("2H"), null, true));
      jobs.observe(seen(CURL, API, run, after("1H")));
    }
    assertThat(why(jobs, CURL, API, after("2H"))).isEqualTo(ENOUGH);
  }

  @ParameterizedTest
  @CsvSource({
    "24H, 3, enough support",
    "24H1S, 3, 'an external name that appeared late, on 60 % of the pods (80 % needed)'",
    "24H1S, 4, enough support"
  })
  void standing_unattended_anExternalName_afterTheFirstDay_needsNearlyAllPods(
      String first, int pods, String why) {
    var learner = fivePods(UNATTENDED);
    for (var i = 0; i < pods; i++) {
      learner.observe(seen(APP, API, "" + i, after(first)));
    }

    assertThat(why(learner, APP, API, after("30H"))).isEqualTo(why);
  }

  @Test
  void standing_inATestRun_needsNeitherTimeNorReplicas_butTheGates() {
    var learner = fivePods(UNATTENDED);
    learner.observe(seen(APP, DB, "0", after("1H")));
    learner.observe(seen(CURL, DB, "0", after("1H")));
    learner.observe(seen(APP, API, "0", after("30H")));
    learner.observe(seen(APP, address("203.0.113.9", 443), "0", after("1H")));

    var proposal = learner.finishTestRun();

    assertThat(proposal.approved())
        .extracting(edge -> edge.edge().words())
        .containsExactlyInAnyOrder(
            "/app → db.shop.svc.cluster.local:80", "/app → api.psp.example:443");
    assertThat(proposal.leftOut())
        .extracting(LearnedEdge::why)
        .containsExactlyInAnyOrder(
            "a shell or tool on 20 % of the pods (80 % needed)",
            "a public address without a name needs a reviewer");
  }

  @Test
  void standing_aVoucher_standsInForSupport_neverForASensitiveDestination() {
    Vouchers anybody = (_, _, _, _) -> true;
    var learner = learner(DEFAULTS, anybody);
    for (var i = 0; i < 5; i++) {
      learner.started(pod("" + i, START, null));
    }
    var metadata = address("169.254.169.254", 80);
    var bare = address("203.0.113.9", 443);
    for (var destination : List.of(DB, API, metadata, bare)) {
      learner.observe(seen(APP, destination, "0", after("1H")));
    }

    assertThat(why(learner, APP, DB, after("2H"))).isEqualTo(ENOUGH);
    assertThat(why(learner, APP, API, after("2H"))).isEqualTo(ENOUGH);
    assertThat(why(learner, APP, metadata, after("2H"))).isEqualTo("seen on 1 of 3 replicas");
    assertThat(why(learner, APP, bare, after("2H")))
        .isEqualTo("a public address without a name needs a reviewer");
  }

  // ---- what appears under enforcement

  /** Unattended, on all pods: how long it has to last until it is confirmed. */
  @ParameterizedTest
  @CsvSource({
    "service, 11H59M, false",
    "service, 12H, true",
    "external, 71H59M, false",
    "external, 72H, true",
    "tool, 500H, false",
    "public, 500H, false"
  })
  void confirm_unattended_whatLasts(String what, String lasts, boolean confirmed) {
    var learner = fivePods(UNATTENDED);
    onAll(learner, APP, service("old.shop.svc.cluster.local"), "1H");
    requireNonNull(learner.proposeAt(after("170H")));
    var process = what.equals("tool") ? CURL : APP;
    var destination =
        switch (what) {
          case "external" -> API;
          case "public" -> address("203.0.113.9", 443);
          default -> DB;
        };
    var from = after("171H");
    onAll(learner, process, destination, "171H");
    var until = from.plus(Duration.parse("PT" + lasts));
    learner.observe(seen(process, destination, "0", until));

    var baseline = learner.confirm(process.processClass(), Exact.of(destination), until);

    assertThat(baseline != null).isEqualTo(confirmed);
    if (baseline != null) {
      assertThat(baseline).isEqualTo(learner.proposed());
      assertThat(baseline.edges()).hasSize(2);
    }
  }

  @Test
  void confirm_unattended_onThreeOfFivePods_never_onFourOfThem_does() {
    var learner = fivePods(UNATTENDED);
    requireNonNull(learner.proposeAt(after("170H")));
    for (var pod : List.of("0", "1", "2")) {
      learner.observe(seen(APP, DB, pod, after("171H")));
      learner.observe(seen(APP, DB, pod, after("190H")));
    }
    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("190H"))).isNull();

    learner.observe(seen(APP, DB, "3", after("190H")));
    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("190H"))).isNotNull();
  }

  @Test
  void confirm_whatSomebodyVouchesFor_alsoAttended() {
    var elsewhere = learner(DEFAULTS, Vouchers.NONE);
    elsewhere.observe(seen(APP, DB, "x", START));
    var learner = learner(DEFAULTS, new EnvironmentVouchers(elsewhere));
    learner.started(pod("0", START, null));
    requireNonNull(learner.proposeAt(after("24H")));
    learner.observe(seen(APP, DB, "0", after("25H")));
    learner.observe(seen(APP, service("other.shop.svc.cluster.local"), "0", after("25H")));

    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("25H"))).isNotNull();
    assertThat(
            learner.confirm(
                APP.processClass(),
                Exact.of(service("other.shop.svc.cluster.local")),
                after("2500H")))
        .isNull();
    assertThat(learner.confirm(CURL.processClass(), Exact.of(DB), after("25H"))).isNull();
  }

  @Test
  void confirm_whatSomebodyVouchesFor_keepsTheGates() {
    var learner = learner(DEFAULTS, (_, _, _, _) -> true);
    for (var i = 0; i < 5; i++) {
      learner.started(pod("" + i, START, null));
    }
    requireNonNull(learner.proposeAt(after("24H")));
    learner.observe(seen(CURL, DB, "0", after("25H")));

    assertThat(learner.confirm(CURL.processClass(), Exact.of(DB), after("25H"))).isNull();
  }

  @Test
  void confirm_unattended_ofOnePod_needsItsHours() {
    var learner = learner(UNATTENDED, Vouchers.NONE);
    learner.started(pod("0", START, "sha256:1"));
    requireNonNull(learner.proposeAt(after("170H")));
    learner.observe(seen(APP, DB, "0", after("171H")));
    learner.observe(seen(APP, DB, "0", after("190H")));
    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("190H"))).isNull();

    learner.observe(seen(APP, DB, "0", after("191H")));
    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("191H"))).isNotNull();
  }

  @Test
  void confirm_unattended_ofTwoPods_needsBothAndTheReplicasThatAreSet() {
    for (var needed : List.of(2, 3)) {
      var settings =
          new LearningSettings(
                  needed,
                  0.25,
                  3,
                  Duration.ofHours(6),
                  Duration.ofHours(24),
                  Duration.ofDays(14),
                  4_096)
              .unattended(Duration.ofDays(7));
      var learner = learner(settings, Vouchers.NONE);
      for (var pod : List.of("0", "1")) {
        learner.started(pod(pod, START, "sha256:1"));
      }
      requireNonNull(learner.proposeAt(after("170H")));
      learner.observe(seen(APP, DB, "0", after("171H")));
      learner.observe(seen(APP, DB, "1", after("190H")));

      var baseline = learner.confirm(APP.processClass(), Exact.of(DB), after("190H"));

      assertThat(baseline != null).as("%d", needed).isEqualTo(needed == 2);
    }
  }

  /** And neither hours nor the replicas of a workload that goes on. */
  @Test
  void confirm_unattended_ofAJob_needsTwoRuns() {
    var day = Duration.ofDays(1);
    var settings =
        new LearningSettings(3, 0.25, 5, Duration.ofHours(6), day, day.multipliedBy(14), 4_096);
    var learner = learner(settings.unattended(day.multipliedBy(7)), Vouchers.NONE);
    learner.started(new Instance("0", START, after("200H"), "sha256:1", true));
    learner.started(new Instance("1", START, after("300H"), "sha256:1", true));
    learner.started(new Instance("2", START, after("300H"), "sha256:1", true));
    requireNonNull(learner.proposeAt(after("170H")));
    var late = program("/app", "sha256:2");
    learner.started(new Instance("3", after("201H"), after("230H"), "sha256:2", true));
    learner.observe(seen(late, DB, "3", after("202H")));
    learner.observe(seen(late, DB, "3", after("215H")));
    assertThat(learner.confirm(late.processClass(), Exact.of(DB), after("215H"))).isNull();

    learner.started(new Instance("4", after("216H"), after("230H"), "sha256:2", true));
    learner.observe(seen(late, DB, "4", after("217H")));
    assertThat(learner.confirm(late.processClass(), Exact.of(DB), after("217H"))).isNotNull();
  }

  /** A network may give every run the same address, by which runs are named. */
  @Test
  void standing_ofAJob_whoseRunsHaveOneName_needsTheTimeOfASinglePod() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.runs(new Instance("0", START, null, null, true), START);
    learner.observe(seen(APP, DB, "0", after("1M")));
    assertThat(why(learner, APP, DB, after("1H"))).isEqualTo("seen in 1 of 2 runs");

    learner.runs(new Instance("0", after("6H"), null, null, true), after("6H"));
    learner.observe(seen(APP, DB, "0", after("6H1M")));
    assertThat(why(learner, APP, DB, after("7H"))).isEqualTo(ENOUGH);

    learner.runs(new Instance("1", after("8H"), null, null, true), after("8H"));
    assertThat(why(learner, APP, DB, after("8H"))).isEqualTo("seen in 1 of 2 runs");
  }

  @Test
  void confirm_beforeAProposal_isNothing() {
    var learner = learner(DEFAULTS, (_, _, _, _) -> true);
    learner.observe(seen(APP, DB, "0", START));

    assertThat(learner.confirm(APP.processClass(), Exact.of(DB), after("1H"))).isNull();
  }

  /** Unattended: a program that moved within the image, on all pods, goes where it went. */
  @Test
  void confirm_unattended_aMovedProgram_inheritsWhatItKnew_andNothingElse() {
    var learner = fivePods(UNATTENDED);
    onAll(learner, APP, DB, "1H");
    requireNonNull(learner.proposeAt(after("170H")));
    var moved = program("/opt/app", "sha256:1");
    var cache = service("cache.shop.svc.cluster.local");
    onAll(learner, moved, DB, "171H");
    onAll(learner, moved, cache, "171H");

    assertThat(learner.confirm(moved.processClass(), Exact.of(cache), after("172H"))).isNull();
    assertThat(learner.confirm(moved.processClass(), Exact.of(DB), after("172H"))).isNotNull();
    assertThat(learner.confirm(moved.processClass(), Exact.of(cache), after("172H"))).isNull();
  }

  /** Once it has edges of its own, it is no newcomer. */
  @Test
  void confirm_unattended_aMovedProgramWithAnEdgeOfItsOwn_inheritsNoMore() {
    var learner = fivePods(UNATTENDED);
    var cache = service("cache.shop.svc.cluster.local");
    onAll(learner, APP, DB, "1H");
    onAll(learner, APP, cache, "1H");
    requireNonNull(learner.proposeAt(after("170H")));
    var moved = program("/opt/app", "sha256:1");
    onAll(learner, moved, DB, "171H");
    onAll(learner, moved, cache, "171H");

    assertThat(learner.confirm(moved.processClass(), Exact.of(DB), after("172H"))).isNotNull();
    assertThat(learner.confirm(moved.processClass(), Exact.of(cache), after("172H"))).isNull();
  }

  @Test
  void confirm_attended_aMovedProgram_inheritsNothing() {
    var learner = fivePods(DEFAULTS);
    onAll(learner, APP, DB, "1H");
    requireNonNull(learner.proposeAt(after("170H")));
    var moved = program("/opt/app", "sha256:1");
    onAll(learner, moved, DB, "171H");

    assertThat(learner.confirm(moved.processClass(), Exact.of(DB), after("172H"))).isNull();
  }

  private static Learner fivePods(LearningSettings settings) {
    var learner = learner(settings, Vouchers.NONE);
    for (var i = 0; i < 5; i++) {
      learner.started(pod("" + i, START, "sha256:1"));
    }
    return learner;
  }

  private static void onAll(Learner learner, Candidate process, Destination to, String when) {
    for (var i = 0; i < 5; i++) {
      learner.observe(seen(process, to, "" + i, after(when)));
    }
  }

  private static String why(
      Learner learner, Candidate process, Destination destination, Instant now) {
    return requireNonNull(learner.edgeOf(process.processClass(), Exact.of(destination), now)).why();
  }
}
