package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.pod;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.process.Candidate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The pods of a workload, counted. */
class InstancesTest {
  private static final Candidate APP = program("/app", "sha256:1");

  private final Instances instances = new Instances();

  // ---- what is new

  @Test
  void changes_growWithAllThatIsLearnedOfAPod_andWithNothingElse() {
    assertChanges(true, () -> instances.started(pod("a", START, null)));
    assertChanges(false, () -> instances.started(pod("a", START, null)));
    assertChanges(true, () -> instances.seen(by("a", "1H"))); // its image
    assertChanges(false, () -> instances.seen(by("a", "2H")));

    assertChanges(true, () -> instances.runs(pod("b", START, null), after("1H")));
    assertChanges(false, () -> instances.runs(pod("b", START, null), after("2H")));
    assertChanges(true, () -> instances.runs(pod("b", after("2H"), null), after("2H")));

    assertChanges(true, () -> instances.seen(by("c", "3H")));
    assertChanges(false, () -> instances.seen(by("c", "4H")));
    assertChanges(true, () -> instances.started(pod("c", after("3H"), "sha256:1")));

    assertChanges(true, () -> instances.merge(new Instances()));
  }

  private void assertChanges(boolean expected, Runnable step) {
    var before = instances.changes();
    step.run();
    assertThat(instances.changes() > before).isEqualTo(expected);
  }

  // ---- runs

  @Test
  void areJobs_whenOneOfThemIs_whoeverSaysSo() {
    instances.started(pod("a", START, null));
    instances.seen(by("b", "1H"));
    assertThat(instances.areJobs()).isFalse();

    instances.started(new Instance("b", START, null, null, true));
    assertThat(instances.areJobs()).isTrue();

    var watched = new Instances();
    watched.runs(new Instance("c", START, null, null, true), START);
    assertThat(watched.areJobs()).isTrue();
  }

  // ---- images

  @Test
  void digests_haveTheirFirstStart_inAnyOrder() {
    instances.started(pod("a", after("1H"), "sha256:1"));
    instances.started(pod("c", START, "sha256:1"));
    instances.started(pod("b", after("2H"), "sha256:1"));

    assertThat(instances.digests()).isEqualTo(Map.of("sha256:1", START));
  }

  /** Merged, the image was as old as the pod, so that it was no rollout any more. */
  @Test
  void merge_anImageThatCameInPlace_isAsNewAsItWas() {
    instances.runs(pod("a", START, "sha256:1"), after("1H"));
    instances.runs(pod("a", START, "sha256:2"), after("7H"));
    var other = new Instances();
    other.merge(instances);

    assertThat(other.digests()).isEqualTo(Map.of("sha256:1", START, "sha256:2", after("7H")));
  }

  // ---- bounds

  @Test
  void runs_morePodsThanTheBound_forgetsThoseThatWereToldFirst() {
    for (var i = 0; i <= Instances.MAX; i++) {
      instances.runs(pod("pod-" + i, START, null), after(i + "M"));
    }

    assertThat(instances.get("pod-" + (Instances.MAX - Instances.LEFT))).isNull();
    assertThat(instances.get("pod-" + (Instances.MAX - Instances.LEFT + 1))).isNotNull();
    assertThat(instances.total()).isEqualTo(Instances.MAX + 1);
  }

  /** Two servers that saw the same pods know the same pods. */
  @Test
  void started_podsThatEndTogether_areForgottenByName_inAnyOrder() {
    var pods = new ArrayList<Instance>();
    for (var i = 0; i <= Instances.MAX; i++) {
      pods.add(new Instance("%04d".formatted(i), START, after("1H"), "sha256:1", false));
    }
    Collections.shuffle(pods, new Random(1));

    pods.forEach(instances::started);

    var gone = Instances.MAX - Instances.LEFT;
    assertThat(instances.get("%04d".formatted(gone))).isNull();
    assertThat(instances.get("%04d".formatted(gone + 1))).isNotNull();
  }

  /** Of two full servers there were nearly twice as many as the bound. */
  @Test
  void merge_ofTwoFullServers_keepsTheBound_andTheImagesOfThePodsThatAreForgotten() {
    var other = new Instances();
    other.started(new Instance("old", START, after("1M"), "sha256:old", false));
    for (var i = 0; i < Instances.MAX; i++) {
      instances.started(pod("a-" + i, after("1H"), "sha256:1"));
      other.started(pod("b-" + i, after("1H"), "sha256:1"));
    }

    instances.merge(other);

    assertThat(instances.running(Set.of(), after("2H"))).isEqualTo(Instances.LEFT);
    assertThat(instances.total()).isEqualTo(2 * Instances.MAX + 1);
    assertThat(instances.digests()).containsEntry("sha256:old", START);
  }

  // ---- questions

  @Test
  void concurrent_ofNoPods_isNone() {
    assertThat(instances.concurrent(START)).isZero();
  }

  /** Of more pods than a sample holds, those are compared that it would hold. */
  @Test
  void share_ofMorePodsThanASampleHolds_isThatOfThePodsThatItCouldHold() {
    var sample = new Sample();
    var hashes = IntStream.range(0, 200).mapToLong(i -> Hash.of("pod-" + i)).toArray();
    for (var i = 0; i < 200; i++) {
      instances.started(pod("pod-" + i, START, null));
      if (i % 2 == 0) {
        sample.add("pod-" + i);
      }
    }

    var comparable = IntStream.range(0, 200).filter(i -> hashes[i] <= sample.limit()).count();
    assertThat(instances.share(sample, Set.of(), START, after("1H")))
        .isEqualTo(Sample.SIZE / (double) comparable)
        .isBetween(0.4, 0.6);
  }

  @Test
  void share_whenNoPodRan_isAll() {
    instances.started(new Instance("a", START, after("1H"), null, false));

    assertThat(instances.share(new Sample(), Set.of(), after("1H"), after("2H"))).isOne();
    assertThat(instances.share(new Sample(), Set.of(), START, after("2H"))).isZero();
  }

  @Test
  void running_ofPodsThatOverlap_isCountedOnce_inAnyOrder() {
    instances.started(new Instance("a", after("5H"), after("10H"), null, false));
    instances.started(new Instance("b", START, after("6H"), null, false));
    instances.started(new Instance("c", after("12H"), null, null, false));

    assertThat(instances.running(START, after("20H"))).isEqualTo(Duration.ofHours(18));
  }

  private static Observation by(String replica, String after) {
    return new Observation(APP, service("db"), replica, after(after));
  }
}
