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
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.learning.LearningSettings.External;
import io.kith.baselines.process.Candidate;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What people and time decide about what was learned. */
class LearnerDecisionsTest {
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final Candidate APP = program("/app", "sha256:1");
  private static final Candidate HELPER = program("/helper", "sha256:1");
  private static final Destination DB = service("db.shop.svc.cluster.local");
  private static final Destination CACHE = service("cache.shop.svc.cluster.local");

  private final Learner learner = learner(DEFAULTS, Vouchers.NONE);

  // ---- proposals

  @Test
  void finishTestRun_whatWasRefused_isLeftForAPerson_unlessApprovedBefore() {
    learner.observe(seen(APP, DB, "a", START));
    learner.observe(seen(APP, CACHE, "a", START));
    var toDb = Edge.learned(APP.processClass(), Exact.of(DB));

    var proposal = learner.finishTestRun(toDb::equals);

    assertThat(proposal.baseline().edges())
        .containsExactly(Edge.learned(APP.processClass(), Exact.of(CACHE)));
    assertThat(proposal.leftOut())
        .extracting(LearnedEdge::edge, LearnedEdge::state, LearnedEdge::why)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(
                toDb, EdgeState.CANDIDATE, "it was refused: only a person allows it"));

    requireNonNull(learner.approve(APP.processClass(), Exact.of(DB)));
    assertThat(learner.finishTestRun(toDb::equals).baseline().edges()).hasSize(2);
  }

  @Test
  void afterTestRun_and_supportedAt_decideNothing() {
    learner.started(pod("a", START, null));
    learner.started(pod("b", START, null));
    learner.observe(seen(APP, DB, "a", after("1H")));
    learner.observe(seen(APP, DB, "b", after("1H")));
    learner.observe(seen(APP, CACHE, "a", after("1H")));

    assertThat(learner.afterTestRun(_ -> false).baseline().edges()).hasSize(2);
    assertThat(learner.afterTestRun(_ -> true).baseline().edges()).isEmpty();
    assertThat(learner.supportedAt(after("2H"), _ -> false).approved())
        .extracting(LearnedEdge::why)
        .containsExactly("enough support");
    assertThat(learner.proposed()).isNull();
    assertThat(learner.edges()).noneMatch(edge -> edge.state() == EdgeState.APPROVED);
  }

  @Test
  void proposals_followEachOther() {
    learner.observe(seen(APP, DB, "a", START));
    var first = learner.finishTestRun().baseline();
    learner.observe(seen(APP, CACHE, "a", START));

    var second = learner.finishTestRun().baseline();

    assertThat(first.parent()).isNull();
    assertThat(second.parent()).isEqualTo(first.revision());
    assertThat(learner.proposed()).isEqualTo(second);
    assertThat(second.edges()).hasSize(2);
    assertThat(learner.finishTestRun().approved()).hasSize(2); // also those of before
  }

  // ---- people

  @Test
  void approve_aNewEdge_makesTheNextRevision_anApprovedOneNone() {
    learner.observe(seen(APP, DB, "a", START));
    var first = learner.finishTestRun().baseline();

    var second = requireNonNull(learner.approve(APP.processClass(), Exact.of(CACHE)));

    assertThat(second.parent()).isEqualTo(first.revision());
    assertThat(second.edges()).hasSize(2);
    assertThat(learner.approve(APP.processClass(), Exact.of(CACHE))).isNull();
    assertThat(learner.proposed()).isEqualTo(second);
  }

  @Test
  void decided_elsewhere_standsInPlaceOfWhatWasApprovedHere() {
    learner.observe(seen(APP, DB, "a", START));
    learner.observe(seen(APP, CACHE, "a", START));
    learner.finishTestRun();
    var toDb = Edge.learned(APP.processClass(), Exact.of(DB));
    var elsewhere = Baseline.of(Sights.SHOP, null, List.of(toDb));

    learner.decided(elsewhere);

    assertThat(learner.proposed()).isEqualTo(elsewhere);
    assertThat(learner.edges())
        .filteredOn(edge -> edge.state() == EdgeState.APPROVED)
        .extracting(LearnedEdge::edge)
        .containsExactly(toDb);

    learner.decided(null);
    assertThat(learner.proposed()).isNull();
    assertThat(learner.edges()).noneMatch(edge -> edge.state() == EdgeState.APPROVED);
  }

  @Test
  void forget_aProcessClass_isAllThatWasSeenOfIt() {
    learner.observe(seen(APP, DB, "a", START));
    learner.observe(seen(HELPER, DB, "a", START));
    var dropped = seen(program("", "sha256:1"), DB, "a", START);
    learner.observe(dropped);

    learner.forget(APP.processClass());
    assertThat(learner.edges()).hasSize(2);
    assertThat(learner.edgeOf(APP.processClass(), Exact.of(DB), START)).isNull();
    assertThat(learner.edgeOf(HELPER.processClass(), Exact.of(DB), START)).isNotNull();

    learner.forget(dropped.process().processClass());
    learner.forget(APP.processClass());
    assertThat(learner.edges()).hasSize(1);
    assertThat(learner.observe(seen(APP, DB, "a", START))).isTrue();
  }

  @Test
  void observe_tellsWhetherTheEdgeIsNewAndMayBeLearned() {
    assertThat(learner.observe(seen(APP, DB, "a", START))).isTrue();
    assertThat(learner.observe(seen(APP, DB, "b", START))).isFalse();
    assertThat(learner.observe(seen(APP, CACHE, "b", START))).isTrue();
    assertThat(learner.observe(seen(program("", null), DB, "b", START))).isFalse();
  }

  // ---- questions

  @Test
  void patternOf_aDestination_isTheEdgeThatItBelongsTo() {
    learner.observe(seen(APP, DB, "a", START));

    assertThat(learner.patternOf(APP.processClass(), Exact.of(DB)))
        .isEqualTo(Edge.learned(APP.processClass(), Exact.of(DB)));
    assertThat(learner.patternOf(APP.processClass(), Exact.of(CACHE))).isNull();
    assertThat(learner.patternOf(HELPER.processClass(), Exact.of(DB))).isNull();
  }

  @Test
  void usual_isHowManyPodsRanMostOfTheTime() {
    assertThat(learner.usual(START)).isZero();

    twoPods();
    assertThat(learner.usual(after("10H"))).isEqualTo(2);
  }

  @Test
  void edges_areBusiestFirst() {
    for (var i = 0; i < 3; i++) {
      learner.observe(seen(APP, CACHE, "a", START));
    }
    for (var i = 0; i < 2; i++) {
      learner.observe(seen(program("", null), DB, "a", START));
    }
    for (var i = 0; i < 8; i++) {
      learner.observe(seen(HELPER, service("s" + i + ".shop.svc.cluster.local"), "a", START));
    }

    var edges = learner.edges();

    assertThat(edges)
        .extracting(edge -> edge.evidence().connections())
        .containsExactly(3L, 2L, 1L, 1L, 1L, 1L, 1L, 1L, 1L, 1L);
    assertThat(edges.subList(2, 10)).extracting(edge -> edge.edge().id()).isSorted();
    assertThat(edges).extracting(LearnedEdge::process).contains("/app", "an unknown program");
  }

  @Test
  void destinationsOf_aPattern_areThoseThatWereSeen() {
    for (var i = 0; i < 4; i++) {
      learner.observe(seen(APP, external("s" + i + ".cdn.example"), "a", START));
    }
    learner.observe(seen(APP, external("www.cdn.example"), "a", START));
    var edge =
        requireNonNull(
                learner.edgeOf(APP.processClass(), Exact.of(external("s0.cdn.example")), START))
            .edge();

    assertThat(edge.words()).isEqualTo("/app → s#.cdn.example:443");
    assertThat(learner.destinationsOf(edge))
        .extracting(Exact::name)
        .containsExactlyInAnyOrder(
            "s0.cdn.example", "s1.cdn.example", "s2.cdn.example", "s3.cdn.example");
    assertThat(learner.destinationsOf(Edge.learned(HELPER.processClass(), Exact.of(DB)))).isEmpty();
  }

  /** Seven owners of names are a list, eight are the internet. */
  @ParameterizedTest
  @CsvSource({"7, false", "8, true"})
  void isOpenEnded_countsUnrelatedOwnersOnOnePort(int owners, boolean openEnded) {
    IntStream.range(0, owners)
        .forEach(
            i -> learner.observe(seen(APP, external("www.owner" + i + ".example"), "a", START)));
    // neither other names of one owner nor the mesh nor addresses count
    learner.observe(seen(APP, external("api.owner0.example"), "a", START));
    learner.observe(seen(APP, DB, "a", START));
    learner.observe(seen(APP, address("203.0.113.9", 443), "a", START));

    var one = Exact.of(external("www.owner0.example"));
    assertThat(learner.isOpenEnded(APP.processClass(), one)).isEqualTo(openEnded);
    assertThat(learner.isOpenEnded(HELPER.processClass(), one)).isFalse();
    assertThat(
            learner.isOpenEnded(
                APP.processClass(),
                new Exact("www.owner0.example", one.weakest(), 80, one.protocol())))
        .isFalse();
    assertThat(
            learner.isOpenEnded(
                APP.processClass(),
                new Exact(
                    "www.owner0.example",
                    one.weakest(),
                    443,
                    io.kith.baselines.destination.Protocol.UDP)))
        .isFalse();
  }

  @Test
  void isOpenEnded_namesThatNobodyRegistered_areUnrelated() {
    for (var i = 0; i < 8; i++) {
      learner.observe(seen(APP, external("host-" + i), "a", START));
    }

    assertThat(learner.isOpenEnded(APP.processClass(), Exact.of(external("host-0")))).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1 min",
    "PT59S, 1 min",
    "PT2M59S, 2 min",
    "PT59M59S, 59 min",
    "PT1H, 1 h",
    "PT25H59M, 25 h"
  })
  void words_ofATime(String duration, String words) {
    var time = duration.equals("0") ? Duration.ZERO : Duration.parse(duration);

    assertThat(Learner.words(time)).isEqualTo(words);
  }

  // ---- time

  @Test
  void edges_areJudgedAsOfTheLatestConnection() {
    twoPods();
    steadily(DB, 0, 24);
    requireNonNull(learner.proposeAt(after("60H")));

    steadily(CACHE, 800, 801);
    learner.observe(seen(APP, DB, "a", START)); // late, of an early one

    assertThat(learner.edges())
        .filteredOn(edge -> edge.edge().destination().equals(Exact.of(DB)))
        .extracting(LearnedEdge::state)
        .containsExactly(EdgeState.STALE);
  }

  @Test
  void waitsFor_aNewExternalName_onlyWhereNobodyIsAskedAboutIt() {
    var auto = with(0.005, External.AUTO);
    for (var settings : List.of(DEFAULTS, auto)) {
      var each = learner(settings, Vouchers.NONE);
      for (var pod : List.of("a", "b")) {
        each.started(pod(pod, START, null));
        each.observe(seen(APP, external("api.psp.example"), pod, after("22H")));
      }

      assertThat(each.waitsFor(after("30H")).contains("16 h more without a new edge"))
          .isEqualTo(settings.equals(auto));
    }
  }

  @Test
  void waitsFor_aNewEdge_isADay_toTheMinute() {
    twoPods();
    steadily(DB, 1, 30);

    assertThat(learner.waitsFor(after("25H9M"))).containsExactly("1 min more without a new edge");
    assertThat(learner.waitsFor(after("25H10M"))).isEmpty();
  }

  @Test
  void waitsFor_asMuchUnseenAsMayBe_isNothing() {
    for (var most : List.of(1.0, 0.99)) {
      var each = learner(with(most, External.VOUCH), Vouchers.NONE);
      each.observe(seen(APP, DB, "a", START));

      assertThat(each.deficit()).isOne();
      assertThat(each.waitsFor(after("48H"))).hasSize(most == 1 ? 0 : 1);
    }
  }

  private static LearningSettings with(double deficit, External external) {
    var day = Duration.ofDays(1);
    return new LearningSettings(
        2,
        0.25,
        3,
        Duration.ofHours(6),
        null,
        day,
        day.multipliedBy(14),
        deficit,
        day,
        0.25,
        3,
        external,
        day,
        day.multipliedBy(30),
        4_096);
  }

  @Test
  void unusedAt_whatWasNeverApproved_isNotUnused() {
    twoPods();
    steadily(DB, 0, 24);

    assertThat(learner.unusedAt(after("9000H"), 1)).isEmpty();
    assertThat(learner.age(after("9000H"))).isNull();
  }

  @Test
  void idleSince_countsFromTheApproval_elseFromTheStartOfLearning() {
    assertThat(learner.idleSince(START, after("10H"))).isZero();

    learner.runs(pod("a", START, null), after("5H")); // what it did before nobody saw
    learner.started(pod("b", START, null));
    assertThat(learner.idleSince(after("7H"), after("10H"))).isEqualTo(Duration.ofHours(3));

    var watched = learner(DEFAULTS, Vouchers.NONE);
    watched.runs(pod("a", START, null), after("5H"));
    assertThat(watched.idleSince(START, after("6H"))).isEqualTo(Duration.ofHours(1));
  }

  @Test
  void waitsFor_aNewEdge_isAQuarterOfTheTimeLearned_whenThatIsLonger() {
    twoPods();
    steadily(DB, 0, 200);
    steadily(CACHE, 160, 200);

    assertThat(learner.waitsFor(after("200H"))).containsExactly("10 h more without a new edge");
    assertThat(learner.waitsFor(after("213H"))).containsExactly("25 min more without a new edge");
    assertThat(learner.waitsFor(after("214H"))).isEmpty();
  }

  @Test
  void waitsFor_aNewEdgeOfAJob_isTwoDays() {
    for (var run = 0; run < 5; run++) {
      var start = after(run * 10 + "H");
      learner.started(new Instance("run-" + run, start, start.plusSeconds(60), null, true));
      learner.observe(new Observation(APP, DB, "run-" + run, start, start));
    }
    for (var run : List.of(3, 4)) {
      learner.observe(new Observation(APP, CACHE, "run-" + run, after(run * 10 + "H"), START));
    }

    assertThat(learner.waitsFor(after("70H"))).contains("8 h more without a new edge");
    assertThat(learner.waitsFor(after("78H"))).doesNotContain("8 h more without a new edge");
  }

  @Test
  void waitsFor_theMaximum_endsItWithItsBacklog() {
    learner.observe(seen(APP, DB, "a", after("335H")));

    assertThat(learner.waitsFor(after("335H59M"))).isNotEmpty();
    assertThat(learner.waitsFor(after("336H"))).isEmpty();
  }

  @Test
  void waitsFor_whatSomebodyVouchesFor_isNeitherNewNorRare() {
    var elsewhere = learner(DEFAULTS, Vouchers.NONE);
    elsewhere.observe(seen(APP, CACHE, "x", START));
    var vouched = learner(DEFAULTS, new EnvironmentVouchers(elsewhere));
    var alone = learner(DEFAULTS, Vouchers.NONE);
    for (var each : List.of(vouched, alone)) {
      each.started(pod("a", START, null));
      for (var hour = 0; hour < 30; hour++) {
        each.observe(seen(APP, DB, "a", after(hour + "H")));
      }
      each.observe(seen(APP, CACHE, "a", after("29H")));
    }

    assertThat(vouched.waitsFor(after("30H"))).isEmpty();
    assertThat(vouched.deficit()).isZero();
    assertThat(alone.waitsFor(after("30H"))).hasSize(2);
    assertThat(alone.deficit()).isPositive();
  }

  @Test
  void age_takesOutOnlyWhatHasBeenOutOfUseForTwiceAsLong_ofItsRunningTime() {
    twoPods();
    steadily(DB, 0, 24);
    steadily(CACHE, 0, 24);
    requireNonNull(learner.proposeAt(after("60H")));
    steadily(CACHE, 1_000, 1_001);
    var last = after("24H10M");

    var stale = Duration.ofDays(30);
    assertThat(state(DB, last.plus(stale))).isEqualTo(EdgeState.APPROVED);
    assertThat(state(DB, last.plus(stale).plusSeconds(1))).isEqualTo(EdgeState.STALE);
    assertThat(learner.age(last.plus(stale.multipliedBy(2)))).isNull();

    var next = requireNonNull(learner.age(last.plus(stale.multipliedBy(2)).plusSeconds(1)));
    assertThat(next.edges()).containsExactly(Edge.learned(APP.processClass(), Exact.of(CACHE)));
    assertThat(learner.proposed()).isEqualTo(next);
  }

  @Test
  void age_aWorkloadThatIsScaledToZero_forgetsNothing() {
    learner.started(new Instance("a", START, after("30H"), null, false));
    learner.started(new Instance("b", START, after("30H"), null, false));
    steadily(DB, 0, 24);
    requireNonNull(learner.proposeAt(after("60H")));

    assertThat(learner.age(after("9000H"))).isNull();
    assertThat(state(DB, after("9000H"))).isEqualTo(EdgeState.APPROVED);
  }

  /** What comes once a month is out of use only after three months. */
  @Test
  void age_whatIsSeldom_hasThreeTimesItsLongestGap() {
    twoPods();
    steadily(DB, 0, 24);
    steadily(DB, 720, 721);
    requireNonNull(learner.proposeAt(after("1000H")));
    var last = after("721H10M");

    assertThat(state(DB, last.plus(Duration.ofDays(87)))).isEqualTo(EdgeState.APPROVED);
    assertThat(state(DB, last.plus(Duration.ofDays(87)).plusSeconds(1))).isEqualTo(EdgeState.STALE);
    assertThat(learner.age(last.plus(Duration.ofDays(174)))).isNull();
    assertThat(learner.age(last.plus(Duration.ofDays(174)).plusSeconds(1))).isNotNull();
  }

  private void twoPods() {
    learner.started(pod("a", START, "sha256:1"));
    learner.started(pod("b", START, "sha256:1"));
  }

  private void steadily(Destination destination, int fromHour, int untilHour) {
    for (var hour = fromHour; hour <= untilHour; hour++) {
      for (var pod : List.of("a", "b")) {
        learner.observe(seen(APP, destination, pod, after(hour + "H10M")));
      }
    }
  }

  private EdgeState state(Destination destination, java.time.Instant now) {
    return requireNonNull(learner.edgeOf(APP.processClass(), Exact.of(destination), now)).state();
  }
}
