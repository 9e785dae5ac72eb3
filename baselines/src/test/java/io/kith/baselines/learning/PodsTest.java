package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.learner;
import static io.kith.baselines.learning.Sights.pod;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.process.Candidate;
import java.time.Instant;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a learner knows of the pods of its workload. */
class PodsTest {
  private static final Candidate APP = program("/app", "sha256:1");

  private final Learner learner = learner(LearningSettings.defaults(), Vouchers.NONE);

  // ---- what two sources know of one pod

  static Stream<Arguments> merges() {
    return Stream.of(
        Arguments.of("the earlier start", of(1, null), of(0, null), of(0, null)),
        Arguments.of("an end is an end", of(0, null), of(0, 5), of(0, 5)),
        Arguments.of("the later end", of(0, 4), of(0, 5), of(0, 5)),
        Arguments.of("the image that one knows", of(null, false), of("i", false), of("i", false)),
        Arguments.of("one of two images", of("i", false), of("j", false), of("i", false)),
        Arguments.of("a run when one says so", of("i", true), of("i", false), of("i", true)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("merges")
  void merge_isTheSameBothWays(String name, Instance one, Instance other, Instance both) {
    assertThat(one.merge(other)).isEqualTo(both);
    assertThat(other.merge(one)).isEqualTo(both);
    assertThat(both.merge(both)).isEqualTo(both);
  }

  private static Instance of(int startHour, @Nullable Integer stopHour) {
    return new Instance(
        "a",
        after(startHour + "H"),
        stopHour == null ? null : after(stopHour + "H"),
        "sha256:1",
        false);
  }

  private static Instance of(@Nullable String digest, boolean job) {
    return new Instance("a", START, null, digest, job);
  }

  // ---- announced

  @Test
  void started_aPodThatIsAnnouncedAgain_isOneWithAllThatIsKnown() {
    learner.started(pod("a", after("2H"), null));
    learner.started(pod("a", after("1H"), "sha256:1"));
    learner.started(pod("a", after("3H"), null));

    assertThat(learner.starts()).isEqualTo(1);
    assertThat(learner.startOf("a")).isEqualTo(after("1H"));
    assertThat(learner.startedAt()).isEqualTo(after("1H"));
    assertThat(learner.images()).isEqualTo(Map.of("sha256:1", after("1H")));
    assertThat(learner.startOf("b")).isNull();
  }

  @Test
  void running_anAnnouncedPod_isFromItsStartUntilItsEnd() {
    learner.started(new Instance("a", after("1H"), after("5H"), null, false));
    learner.started(pod("b", after("3H"), null));

    assertThat(learner.running(after("59M"))).isZero();
    assertThat(learner.running(after("1H"))).isEqualTo(1);
    assertThat(learner.running(after("3H"))).isEqualTo(2);
    assertThat(learner.running(after("4H59M59S"))).isEqualTo(2);
    assertThat(learner.running(after("5H"))).isEqualTo(1);
    assertThat(learner.running(after("5000H"))).isEqualTo(1);
  }

  @Test
  void observe_trafficOfAnAnnouncedPod_neitherMovesItsStartNorItsEnd() {
    learner.started(new Instance("a", after("1H"), after("2H"), null, false));

    learner.observe(new Observation(APP, service("db"), "a", START, START));
    learner.observe(new Observation(APP, service("db"), "a", after("9H"), START));

    assertThat(learner.startOf("a")).isEqualTo(after("1H"));
    assertThat(learner.running(after("9H"))).isZero();
    assertThat(learner.starts()).isEqualTo(1);
  }

  @Test
  void observe_trafficTellsTheImageOfAnAnnouncedPod_onlyWhenNobodyDid() {
    learner.started(pod("a", after("1H"), null));
    learner.started(pod("b", after("2H"), "sha256:2"));

    learner.observe(seen(APP, service("db"), "a", after("5H")));
    learner.observe(seen(APP, service("db"), "b", after("5H")));

    assertThat(learner.images())
        .isEqualTo(Map.of("sha256:1", after("1H"), "sha256:2", after("2H")));
  }

  // ---- watched

  @Test
  void runs_saidAgain_withTheStartOfASlightlyOtherClock_isTheSamePod() {
    assertThat(learner.runs(pod("a", after("1H"), "sha256:1"), after("2H"))).isTrue();
    assertThat(learner.runs(pod("a", after("1H0M59S"), "sha256:1"), after("2H10M"))).isFalse();
    assertThat(learner.runs(pod("a", after("1H"), null), after("2H20M"))).isFalse();

    assertThat(learner.starts()).isEqualTo(1);
    assertThat(learner.startOf("a")).isEqualTo(after("1H"));
    assertThat(learner.images()).isEqualTo(Map.of("sha256:1", after("1H")));
  }

  @Test
  void runs_aRunThatEndsByItself_isOneOnceThatIsKnown() {
    learner.runs(pod("a", START, null), START);

    assertThat(learner.runs(new Instance("a", START, null, null, true), START)).isTrue();
    assertThat(learner.runs(pod("a", START, null), START)).isFalse();
  }

  @Test
  void runs_laterStart_isAnotherRunOfThePod() {
    learner.runs(pod("a", after("1H"), null), after("2H"));

    assertThat(learner.runs(pod("a", after("3H"), null), after("3H1M"))).isTrue();

    assertThat(learner.starts()).isEqualTo(2);
    assertThat(learner.startOf("a")).isEqualTo(after("3H"));
    assertThat(learner.running(after("3H2M"))).isEqualTo(1);
  }

  @Test
  void runs_anotherImageUnderTheSameName_isARollout() {
    learner.runs(pod("a", START, "sha256:1"), after("1H"));
    learner.runs(pod("b", START, "sha256:1"), after("1H"));

    learner.runs(pod("a", after("5H"), "sha256:2"), after("6H")); // another run
    learner.runs(pod("b", START, "sha256:3"), after("7H")); // in place

    assertThat(learner.images())
        .isEqualTo(Map.of("sha256:1", START, "sha256:2", after("5H"), "sha256:3", after("7H")));
    assertThat(learner.circumstances(after("7H")).toString())
        .contains("sha256:2", "sha256:3")
        .doesNotContain("sha256:1");
  }

  @Test
  void runs_aPodThatStartedLongBefore_doesNotAgeWhatIsKnown() {
    learner.runs(pod("a", START, null), after("9000H"));

    assertThat(learner.startedAt()).isEqualTo(after("9000H"));
    assertThat(learner.waitsFor(after("9000H"))).isNotEmpty();
    assertThat(learner.startOf("a")).isEqualTo(START);
  }

  @Test
  void runs_notSaidAnyMore_endsAnHourLater() {
    learner.runs(pod("a", START, null), after("1H"));
    learner.runs(pod("a", START, null), after("3H"));

    assertThat(learner.running(after("3H59M"))).isEqualTo(1);
    assertThat(learner.running(after("4H"))).isZero();
  }

  @Test
  void observe_trafficTellsTheImageOfAWatchedPod_onlyWhenNobodyDid() {
    learner.runs(pod("a", after("1H"), null), after("2H"));
    learner.runs(pod("b", after("1H"), "sha256:2"), after("2H"));

    learner.observe(seen(APP, service("db"), "a", after("5H")));
    learner.observe(seen(APP, service("db"), "b", after("5H")));

    assertThat(learner.images())
        .isEqualTo(Map.of("sha256:1", after("1H"), "sha256:2", after("1H")));
  }

  // ---- only seen

  @Test
  void observe_aPodThatNobodyAnnounced_runsFromItsStartUntilAnHourAfterItsTraffic() {
    learner.observe(new Observation(APP, service("db"), "a", after("2H"), after("1H")));
    learner.observe(new Observation(APP, service("db"), "a", after("4H"), after("1H")));
    learner.observe(new Observation(APP, service("db"), "a", after("3H"), after("1H")));

    assertThat(learner.startOf("a")).isEqualTo(after("1H"));
    assertThat(learner.running(after("59M"))).isZero();
    assertThat(learner.running(after("1H"))).isEqualTo(1);
    assertThat(learner.running(after("4H59M"))).isEqualTo(1);
    assertThat(learner.running(after("5H"))).isZero();
    assertThat(learner.images()).isEqualTo(Map.of("sha256:1", after("1H")));
  }

  @Test
  void observe_aPodOfUnknownStart_beganWithItsFirstConnection_inAnyOrder() {
    learner.observe(new Observation(APP, service("db"), "a", after("4H")));
    learner.observe(new Observation(APP, service("db"), "a", after("2H")));
    learner.observe(new Observation(APP, service("db"), "a", after("3H")));

    assertThat(learner.startOf("a")).isEqualTo(after("2H"));
    assertThat(learner.startedAt()).isEqualTo(after("2H"));
    assertThat(learner.starts()).isEqualTo(1);
    assertThat(learner.running(after("4H30M"))).isEqualTo(1);
  }

  @Test
  void started_aPodThatWasSeenBefore_isAsItIsAnnounced() {
    learner.observe(seen(APP, service("db"), "a", after("1H")));

    learner.started(pod("a", START, null));

    assertThat(learner.running(after("500H"))).isEqualTo(1);
    assertThat(learner.starts()).isEqualTo(1);
  }

  // ---- bounds

  @Test
  void started_morePodsThanTheBound_forgetsThoseThatEndedFirst_andStillCountsThem() {
    for (var i = 0; i < Instances.MAX; i++) {
      learner.started(new Instance("pod-" + i, START, after((i + 1) + "M"), null, false));
    }
    assertThat(learner.startOf("pod-0")).isNotNull();

    learner.started(pod("one-more", START, null));

    assertThat(learner.startOf("pod-" + (Instances.MAX - Instances.LEFT))).isNull();
    assertThat(learner.startOf("pod-" + (Instances.MAX - Instances.LEFT + 1))).isNotNull();
    assertThat(learner.startOf("one-more")).isNotNull();
    assertThat(learner.starts()).isEqualTo(Instances.MAX + 1);
  }

  @Test
  void observe_morePodsThanTheBound_forgetsThoseThatWereSeenFirst() {
    for (var i = 0; i <= Instances.MAX; i++) {
      learner.observe(new Observation(APP, service("db"), "pod-" + i, after(i + "M")));
    }

    assertThat(learner.startOf("pod-" + (Instances.MAX - Instances.LEFT))).isNull();
    assertThat(learner.startOf("pod-" + (Instances.MAX - Instances.LEFT + 1))).isNotNull();
    assertThat(learner.starts()).isEqualTo(Instances.MAX + 1);
  }

  @Test
  void merge_morePodsThanTheBound_forgetsThoseThatEndedFirst() {
    var other = learner(LearningSettings.defaults(), Vouchers.NONE);
    for (var i = 0; i < 3_000; i++) {
      var stop = after((i + 1) + "M");
      learner.started(new Instance("a-" + i, START, stop, null, false));
      other.started(new Instance("b-" + i, START, stop, null, false));
    }

    learner.merge(other);

    assertThat(learner.startOf("a-0")).isNull();
    assertThat(learner.startOf("b-0")).isNull();
    assertThat(learner.startOf("b-2999")).isNotNull();
    assertThat(learner.starts()).isEqualTo(6_000);
  }

  @Test
  void images_areBounded_andTheStartOfAKnownOneStillCounts() {
    for (var i = 0; i <= Instances.MAX; i++) {
      learner.started(new Instance("pod-" + i, after("1H"), after("2H"), "sha256:" + i, false));
    }
    learner.started(pod("early", START, "sha256:0"));

    assertThat(learner.images())
        .hasSize(Instances.MAX)
        .containsEntry("sha256:0", START)
        .doesNotContainKey("sha256:" + Instances.MAX);
  }

  // ---- of two servers

  @Test
  void merge_podsOfTwoServers_areKnownByBoth_andCountedOnce() {
    var other = learner(LearningSettings.defaults(), Vouchers.NONE);
    learner.started(pod("a", after("2H"), null));
    learner.observe(seen(APP, service("db"), "b", after("3H")));
    other.started(pod("a", after("1H"), "sha256:2"));
    other.observe(seen(APP, service("db"), "b", after("5H")));
    other.observe(seen(APP, service("db"), "c", after("4H")));

    learner.merge(other);

    assertThat(learner.starts()).isEqualTo(3);
    assertThat(learner.startOf("a")).isEqualTo(after("1H"));
    assertThat(learner.running(after("5H59M"))).isEqualTo(2);
    assertThat(learner.running(after("6H"))).isEqualTo(1);
    assertThat(learner.images()).containsOnlyKeys("sha256:1", "sha256:2");
    assertThat(learner.startedAt()).isEqualTo(START);
  }

  @Test
  void merge_aPodThatOneServerAnnounced_isNotEndedByTheTrafficOfAnother() {
    var other = learner(LearningSettings.defaults(), Vouchers.NONE);
    learner.started(pod("a", START, null));
    other.observe(seen(APP, service("db"), "a", after("1H")));

    learner.merge(other);
    assertThat(learner.running(after("100H"))).isEqualTo(1);

    var third = learner(LearningSettings.defaults(), Vouchers.NONE);
    third.observe(seen(APP, service("db"), "a", after("1H")));
    third.merge(learner);
    assertThat(third.running(after("100H"))).isEqualTo(1);
  }

  @Test
  void images_ofAPodThatWasForgotten_areKept() {
    learner.started(new Instance("old", START, after("1M"), "sha256:0", false));
    for (var i = 0; i < Instances.MAX; i++) {
      learner.started(new Instance("pod-" + i, after("2H"), after((200 + i) + "M"), "i", false));
    }

    assertThat(learner.startOf("old")).isNull();
    assertThat(learner.images()).containsEntry("sha256:0", START);
    assertThat(learner.startedAt()).isEqualTo(START);
  }

  @Test
  void startedAt_nothingSeen_isNull() {
    assertThat(learner.startedAt()).isNull();
    assertThat(learner.starts()).isZero();
    assertThat(learner.running(Instant.MAX)).isZero();
    assertThat(learner.deficit()).isZero();
    assertThat(learner.proposed()).isNull();
  }
}
