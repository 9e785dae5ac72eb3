package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Reach;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How one edge was used: bounded, and the same whoever saw which part of it. */
class SightingsTest {
  private static final Set<String> COUNTS_AND_TIMES = Set.of("count", "first", "last", "words");

  private final Sightings sightings = new Sightings();

  /** A sight, and how far it reached. */
  private record Sight(Observation seen, Reach reach) {
    boolean addTo(Sightings sightings) {
      return sightings.add(seen, reach);
    }
  }

  @Test
  void add_tellsWhetherMoreThanCountsAndTimesHasChanged() {
    for (var sight : sights(2_000)) {
      var before = lasting(sightings);
      var changes = sightings.changes();
      sightings.markWritten();

      var told = sight.addTo(sightings);

      assertThat(told).isEqualTo(!lasting(sightings).equals(before));
      assertThat(sightings.changes() > changes).isEqualTo(told);
      assertThat(sightings.isFresh()).isEqualTo(told);
      assertThat(sightings.isUnwritten()).isTrue();
    }
  }

  /** An edge of the start is one of every hour from now on. */
  @Test
  void add_laterThanTheStart_isNews() {
    var app = program("/app", null);
    var early = new Observation(app, service("db"), "a", START.plusSeconds(300), START);
    var later = new Observation(app, service("db"), "a", START.plusSeconds(301), START);
    sightings.add(early, Reach.INTERNAL);
    assertThat(sightings.add(early, Reach.INTERNAL)).isFalse();
    assertThat(sightings.isStartup()).isTrue();

    assertThat(sightings.add(later, Reach.INTERNAL)).isTrue();
    assertThat(sightings.isStartup()).isFalse();
  }

  @Test
  void merge_takesTheFartherReach() {
    for (var reach : Reach.values()) {
      var near = new Sightings();
      at("a", START, "sha256:1").addTo(near);
      var far = new Sightings();
      far.add(at("a", START, "sha256:1").seen(), reach);
      var both = new Sightings();
      both.merge(far);
      both.merge(near);
      near.merge(far);

      assertThat(near.reach()).isEqualTo(reach);
      assertThat(both.reach()).isEqualTo(reach);
    }
  }

  /** What a store would have of it, without counts and times. */
  private static Map<String, Object> lasting(Sightings sightings) {
    var members = new TreeMap<>(sightings.members());
    members.keySet().removeAll(COUNTS_AND_TIMES);
    return members;
  }

  @Test
  void merge_ofTwoParts_isAsIfOneHadSeenAll() {
    var random = new Random(7);
    var other = new Sightings();
    var all = new Sightings();
    for (var sight : sights(2_000)) {
      sight.addTo(all);
      sight.addTo(random.nextBoolean() ? sightings : other);
    }
    sightings.markWritten();
    var changes = sightings.changes();

    sightings.merge(other);

    assertThat(sightings.members()).isEqualTo(all.members());
    assertThat(sightings.isFresh()).isTrue();
    assertThat(sightings.changes()).isGreaterThan(changes);
  }

  @Test
  void add_afterAMerge_isAsIfAllHadBeenAdded() {
    var all = new Sightings();
    var other = new Sightings();
    for (var sight : sights(200)) {
      sight.addTo(sightings);
      sight.addTo(all);
    }
    var otherApp = at("pod-x", START.plus(Duration.ofDays(3)), "sha256:9");
    otherApp.addTo(other);
    otherApp.addTo(all);

    sightings.merge(other);
    for (var sight : sights(200)) {
      sight.addTo(sightings);
      sight.addTo(all);
    }

    assertThat(sightings.members()).isEqualTo(all.members());
  }

  @Test
  void sets_haveTheirBounds_whetherAddedOrMerged() {
    var merged = new Sightings();
    for (var day = 0; day < 100; day++) {
      var one = new Sightings();
      var sight = at("pod-" + day, START.plus(Duration.ofDays(day)), "sha256:" + day);
      sight.addTo(one);
      sight.addTo(sightings);
      merged.merge(one);
    }

    for (var each : List.of(sightings, merged)) {
      assertThat(each.hourCount()).isEqualTo(64);
      assertThat(each.dayCount()).isEqualTo(64);
      assertThat(each.replicas().size()).isEqualTo(64);
      assertThat(each.digests()).hasSize(16);
    }
  }

  /** Of many days the last ones count: how often it comes now. */
  @Test
  void longestGap_isThatOfTheLastDaysOnWhichItWasSeen() {
    assertThat(sightings.longestGap()).isZero();

    on(0);
    on(40);
    on(60);
    assertThat(sightings.longestGap()).isEqualTo(Duration.ofDays(40));

    IntStream.range(61, 123).forEach(this::on);
    assertThat(sightings.longestGap()).isEqualTo(Duration.ofDays(20));
  }

  private void on(int day) {
    at("pod", START.plus(Duration.ofDays(day)), "sha256:1").addTo(sightings);
  }

  private static Sight at(String pod, Instant time, String digest) {
    return new Sight(
        new Observation(program("/app", digest), service("db"), pod, time, null), Reach.INTERNAL);
  }

  /** At first within minutes of the start, then of more pods, hours, days and images. */
  private static List<Sight> sights(int count) {
    var random = new Random(42);
    var sights = new ArrayList<Sight>();
    var reaches = Reach.values();
    for (var i = 0; i < count; i++) {
      var time = START.plusSeconds(i < 20 ? i : random.nextInt(60 + i * 4_000));
      var seen =
          new Observation(
              program("/app-" + random.nextInt(3), "sha256:" + random.nextInt(1 + i / 50)),
              service("db"),
              "pod-" + random.nextInt(1 + i / 5),
              time.plusNanos(i),
              i < 20 ? START : null);
      sights.add(new Sight(seen, reaches[i < 500 ? 0 : random.nextInt(reaches.length)]));
    }
    return sights;
  }
}
