package io.kith.baselines.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.learning.LearningSettings;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a log can do to memory, and workloads to each other. */
class ReplayBoundsTest {
  private static final double START = 1_772_418_600;
  private static final double HOUR = 3_600;
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();

  /** How many destinations; ten million with {@code -Dkith.destinations=10000000 -Xmx128m}. */
  private static final int DESTINATIONS = Integer.getInteger("kith.destinations", 1_000_000);

  @Test
  void decide_aMillionDestinationsOfOneProcess_keepsAFewAndCountsTheRest() {
    var replay = new Replay(DEFAULTS, PublicSuffixes.UNKNOWN);
    for (var i = 0; i < DESTINATIONS; i++) {
      replay.decide(
          flow("app", "sha256:1", "a", START + i / 1_000.0, "/opt/scan", "n" + i + ".example"));
    }

    var known = replay.decide(flow("app", "sha256:1", "a", START + HOUR, "/app", "db.example"));

    var workload = replay.summary().workloads().getFirst();
    assertThat(known.allowed()).isTrue();
    assertThat(replay.summary().flows()).isEqualTo(DESTINATIONS + 1);
    assertThat(workload.edges().values().stream().mapToInt(n -> n).sum()).isEqualTo(512 + 1);
    assertThat(workload.dropped()).isEqualTo(DESTINATIONS - 512);
  }

  /** The same under enforcement: each of them is denied, and asks nobody anew. */
  @Test
  void decide_aMillionDestinationsUnderEnforcement_areDeniedAndAFewQuestions() {
    var replay = new Replay(DEFAULTS.unattended(Duration.ofHours(1)), PublicSuffixes.UNKNOWN);
    replay.decide(flow("app", "sha256:1", "a", START, "/app", "db.example"));
    var denied = 0;
    for (var i = 0; i < DESTINATIONS / 10; i++) {
      var verdict =
          replay.decide(
              flow("app", "sha256:1", "a", START + 2 * HOUR, "/opt/scan", "n" + i + ".example"));
      denied += verdict.allowed() ? 0 : 1;
    }

    var workload = replay.summary().workloads().getFirst();
    assertThat(denied).isEqualTo(DESTINATIONS / 10);
    assertThat(workload.reviews()).isLessThan(10);
    assertThat(workload.dropped()).isEqualTo(DESTINATIONS / 10 - 512);
  }

  @Test
  void decide_moreWorkloadsThanAReplayHolds_areRefused_andTheOthersGoOn() {
    var replay = new Replay(DEFAULTS, PublicSuffixes.UNKNOWN);
    for (var i = 0; i < 20_000; i++) {
      replay.decide(flow("app-" + i, "sha256:1", "a", START, "/app", "db.example"));
    }

    assertThatThrownBy(
            () -> replay.decide(flow("late", "sha256:1", "a", START, "/app", "db.example")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "app: 'late' is one too many (expected: at most 20000 workloads in one replay)");
    assertThat(replay.decide(flow("app-1", "sha256:1", "a", START, "/app", "db.example")))
        .isNotNull();
    assertThat(replay.summary().flows()).isEqualTo(20_001);
  }

  /**
   * An intruder who is in one image, or in all of a mesh, is seen by many workloads. None of them
   * vouches for the other, whether they share the image or the owner's name.
   */
  @Test
  void decide_threeWorkloadsOfOneImage_doNotVouchForEachOther() {
    var images = List.of("sha256:shared", "sha256:shared", "sha256:shared");

    assertThat(deniedAfterLearning(images, List.of("shop", "shop", "shop"))).isEqualTo(3);
  }

  @Test
  void decide_threeWorkloadsOfOneOwner_doNotVouchForEachOther() {
    var images = List.of("sha256:1", "sha256:2", "sha256:3");

    assertThat(deniedAfterLearning(images, List.of("shop", "pay", "mail"))).isEqualTo(3);
    assertThat(deniedAfterLearning(images, List.of("shop", "shop", "shop"))).isEqualTo(3);
  }

  /** Three workloads call the same external name from their first minute on, from every pod. */
  private static int deniedAfterLearning(List<String> images, List<String> namespaces) {
    var replay = new Replay(DEFAULTS, PublicSuffixes.UNKNOWN);
    var sameOwner = namespaces.stream().distinct().count() == 3;
    for (var hour = 0; hour < 60; hour++) {
      for (var i = 0; i < 3; i++) {
        for (var pod : List.of("a", "b")) {
          var app = sameOwner ? "checkout" : "app-" + i;
          replay.decide(
              flow(
                  namespaces.get(i),
                  app,
                  images.get(i),
                  app + i + pod,
                  hour,
                  "db.svc",
                  "10.0.0.1"));
          replay.decide(
              flow(
                  namespaces.get(i),
                  app,
                  images.get(i),
                  app + i + pod,
                  hour,
                  "drop.evil.example",
                  "198.51.100.7"));
        }
      }
    }
    var denied = 0;
    for (var i = 0; i < 3; i++) {
      var app = sameOwner ? "checkout" : "app-" + i;
      var known =
          replay.decide(
              flow(namespaces.get(i), app, images.get(i), app + i + "a", 61, "db.svc", "10.0.0.1"));
      assertThat(known.enforced() && known.allowed()).isTrue();
      var verdict =
          replay.decide(
              flow(
                  namespaces.get(i),
                  app,
                  images.get(i),
                  app + i + "a",
                  61,
                  "drop.evil.example",
                  "198.51.100.7"));
      denied += verdict.allowed() ? 0 : 1;
    }
    return denied;
  }

  private static FlowRecord flow(
      String namespace,
      String app,
      String digest,
      String pod,
      int hour,
      String host,
      String address) {
    return new FlowRecord(
        START + hour * HOUR,
        "prod",
        app,
        "spiffe://prod.mesh.example/ns/" + namespace + "/sa/default",
        digest,
        pod,
        program("/app"),
        new FlowRecord.Target(host, address, 443, "tcp", null, null, null));
  }

  private static FlowRecord flow(
      String app, String digest, String pod, double time, String path, String host) {
    return new FlowRecord(
        time,
        "prod",
        app,
        "spiffe://prod.mesh.example/ns/shop/sa/default",
        digest,
        pod,
        program(path),
        new FlowRecord.Target(host, "198.51.100.7", 443, "tcp", null, null, null));
  }

  private static FlowRecord.Program program(@Nullable String path) {
    return new FlowRecord.Program(
        path, null, 1_000, "app", List.of(), null, "image", null, false, null, null);
  }
}
