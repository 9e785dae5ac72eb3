package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.SHOP;
import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Quality;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.yaml.Json;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LearnedStateTest {
  private static final int ALL = Integer.MAX_VALUE;

  private static Learner learner() {
    return Sights.learner(LearningSettings.defaults(), Vouchers.NONE);
  }

  /** The store: the latest part of each replica and key. */
  private final Map<String, LearnedPart> stored = new HashMap<>();

  private void store(List<LearnedPart> parts) {
    parts.forEach(part -> stored.put(part.replica() + " " + part.key(), part));
  }

  /** Everything that merges, comparable. */
  private static Map<String, Object> stateOf(Learner learner) {
    var state = new TreeMap<String, Object>();
    learner.book.forEach(
        (process, exact, sightings) -> state.put("edge " + process + exact, sightings.members()));
    learner.risky.forEach(
        (key, entry) ->
            state.put("risk " + key, List.of(entry.why(), entry.sightings().members())));
    state.put("instances", learner.instances.members());
    state.put("units", learner.units.smallest());
    state.put("dropped", learner.dropped());
    state.put("latest", String.valueOf(learner.latest()));
    state.put("starts", learner.starts());
    return state;
  }

  private static List<Observation> observations(Random random, int count) {
    var observations = new ArrayList<Observation>();
    for (var i = 0; i < count; i++) {
      var pod = random.nextInt(150);
      var digest = pod % 3 == 0 ? "sha256:new" : "sha256:old";
      var process =
          random.nextInt(20) == 0
              ? program("/bin/sh", digest, "/app/" + random.nextInt(3))
              : program("/app/part-" + (char) ('a' + random.nextInt(5)), digest, "/init");
      var destination =
          random.nextBoolean()
              ? service("shop/deployment/s" + random.nextInt(20))
              : external("h" + random.nextInt(9) + ".example.org");
      var time = START.plus(Duration.ofSeconds(random.nextInt(900_000))).plusNanos(i);
      observations.add(seen(process, destination, "pod-" + pod, time));
    }
    return observations;
  }

  @Tag("random")
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void load_partsOfAnyReplicas_inAnyOrder_isAsOneLearnerThatSawAll(long seed) {
    var random = new Random(seed);
    var servers = 1 + random.nextInt(4);
    var own = new ArrayList<Learner>();
    for (var server = 0; server < servers; server++) {
      own.add(learner());
    }
    var all = learner();
    for (var observation : observations(random, 4_000)) {
      all.observe(observation);
      var server = random.nextInt(servers);
      own.get(server).observe(observation);
      if (random.nextInt(100) == 0) {
        store(LearnedState.changed(own.get(server), "s" + server, random.nextBoolean(), 7));
      }
      if (random.nextInt(1_000) == 0) { // a restart, after a flush
        store(LearnedState.changed(own.get(server), "s" + server, true, ALL));
        own.set(server, learner());
        LearnedState.resume(own.get(server), "s" + server, stored.values());
      }
    }
    for (var server = 0; server < servers; server++) {
      store(LearnedState.changed(own.get(server), "s" + server, true, ALL));
    }
    var shuffled = new ArrayList<>(stored.values());
    Collections.shuffle(shuffled, random);

    var merged = learner();
    var cut = random.nextInt(shuffled.size());
    LearnedState.load(merged, shuffled.subList(0, cut));
    LearnedState.load(merged, shuffled.subList(cut, shuffled.size()));

    assertThat(stateOf(merged)).as("seed %d", seed).isEqualTo(stateOf(all));
    var now = START.plus(Duration.ofDays(11));
    assertThat(merged.edges()).as("seed %d", seed).isEqualTo(all.edges());
    assertThat(merged.waitsFor(now)).as("seed %d", seed).isEqualTo(all.waitsFor(now));
    assertThat(merged.circumstances(now)).as("seed %d", seed).isEqualTo(all.circumstances(now));
  }

  @Test
  void changed_nothingNew_isEmpty() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", START));

    assertThat(LearnedState.changed(learner, "s", true, ALL))
        .extracting(part -> part.key().replaceAll(":.*", ""))
        .containsExactlyInAnyOrder("edge", "workload");
    assertThat(LearnedState.changed(learner, "s", true, ALL)).isEmpty();
  }

  @Test
  void changed_onlyCounts_waitUntilTheyAreAskedFor() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", after("10M")));
    learner.observe(seen(program("/app/b", null), service("db"), "pod-1", after("10M")));
    LearnedState.changed(learner, "s", true, ALL);
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", after("11M")));

    assertThat(LearnedState.changed(learner, "s", false, ALL)).isEmpty();
    assertThat(LearnedState.changed(learner, "s", true, ALL))
        .hasSize(2)
        .anySatisfy(part -> assertThat(part.body()).contains("\"count\":2"));
  }

  @Test
  void changed_anotherPod_isWrittenAtOnce() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", after("10M")));
    LearnedState.changed(learner, "s", true, ALL);

    learner.observe(seen(program("/app/a", null), service("db"), "pod-2", after("11M")));

    assertThat(LearnedState.changed(learner, "s", false, ALL)).hasSize(2);

    learner.observe(seen(program("/app/a", null), service("db"), "pod-2", after("1H11M")));

    assertThat(LearnedState.changed(learner, "s", false, ALL)).hasSize(2);
  }

  @Test
  void changed_anEdgeThatIsCleanAndRisky_isTwoParts() {
    var learner = learner();
    var app = program("/app/a", null);
    learner.observe(seen(app, service("db"), "pod-1", START));
    learner.observe(
        seen(
            new Candidate(
                "fp:2", app.fingerprint(), app.processClass(), Quality.IMAGE_UNVERIFIED, Set.of()),
            service("db"),
            "pod-1",
            START));

    store(LearnedState.changed(learner, "s", true, ALL));
    var loaded = learner();
    LearnedState.load(loaded, stored.values());

    assertThat(stateOf(loaded)).isEqualTo(stateOf(learner));
    assertThat(loaded.edges()).hasSize(2);
  }

  @Test
  void changed_limit_leavesTheOthersForNextTime() {
    var learner = learner();
    for (var i = 0; i < 5; i++) {
      learner.observe(seen(program("/app/a", null), service("db-" + i), "pod-1", START));
      learner.observe(seen(program("", null), service("db-" + i), "pod-1", START));
    }

    assertThat(LearnedState.changed(learner, "s", true, 4)).hasSize(4);
    assertThat(LearnedState.changed(learner, "s", true, 4)).hasSize(4);
    assertThat(LearnedState.changed(learner, "s", true, 4)).hasSize(3);
    assertThat(LearnedState.changed(learner, "s", true, 4)).isEmpty();
  }

  @Test
  void changed_afterOthersWereAdded_isRefused_sinceCountsWouldDouble() {
    var merged = learner();
    merged.merge(learner());
    var loaded = learner();
    LearnedState.load(loaded, List.of());

    for (var learner : List.of(merged, loaded)) {
      assertThatThrownBy(() -> LearnedState.changed(learner, "s", true, ALL))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "the learner of shop/deployment/checkout holds what other servers saw (expected: one"
                  + " that holds this server's own; its counts would be added twice)");
    }
  }

  @Test
  void resume_learnerThatSawSomething_isRefused() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", START));

    assertThatThrownBy(() -> LearnedState.resume(learner, "s", List.of()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("expected: a fresh one");
  }

  @Test
  void resume_takesOwnPartsOnly() {
    var first = learner();
    first.observe(seen(program("/app/a", null), service("db"), "pod-1", START));
    first.observe(seen(program("", null), service("db"), "pod-1", START));
    var second = learner();
    second.observe(seen(program("/app/b", null), service("db"), "pod-1", START));
    store(LearnedState.changed(first, "s1", true, ALL));
    store(LearnedState.changed(second, "s2", true, ALL));

    var again = learner();
    LearnedState.resume(again, "s1", stored.values());

    assertThat(stateOf(again)).isEqualTo(stateOf(first));
    assertThat(LearnedState.changed(again, "s1", true, ALL)).isEmpty();
  }

  @Test
  void resumeLate_ofALearnerThatWentOn_addsOwnPartsAndChangesAll() {
    var before = learner();
    before.observe(seen(program("/app/a", null), service("db"), "pod-1", START));
    var other = learner();
    other.observe(seen(program("/app/b", null), service("db"), "pod-1", START));
    store(LearnedState.changed(before, "s1", true, ALL));
    store(LearnedState.changed(other, "s2", true, ALL));
    var late = learner();
    late.observe(seen(program("/app/c", null), service("db"), "pod-2", after("1H")));
    assertThat(LearnedState.changed(late, "s1", true, ALL)).isNotEmpty();

    LearnedState.resumeLate(late, "s1", stored.values());

    before.observe(seen(program("/app/c", null), service("db"), "pod-2", after("1H")));
    assertThat(stateOf(late)).isEqualTo(stateOf(before));
    assertThat(LearnedState.changed(late, "s1", true, ALL))
        .filteredOn(part -> part.key().startsWith("edge:"))
        .as("with what was written before")
        .hasSize(2);
  }

  /** Of a path with a character that Unicode did not know. */
  @Test
  void load_partThatWasNamedBefore_isTaken() {
    var process = program("/app/\ud83f\udffe", null);
    var learner = learner();
    learner.observe(seen(process, service("db"), "pod-1", START));
    var edge =
        List.of(
            BaselineJson.map(process.processClass()), BaselineJson.map(Exact.of(service("db"))));
    var before = ContentId.of("edge:", 64, Json.asBefore(Json.write(edge)));
    var parts =
        LearnedState.changed(learner, "s", true, ALL).stream()
            .map(
                part ->
                    part.key().equals("workload")
                        ? part
                        : new LearnedPart(
                            part.replica(), part.owner(), before, Json.asBefore(part.body())))
            .toList();
    var loaded = learner();

    LearnedState.load(loaded, parts);

    assertThat(before).isNotEqualTo(ContentId.of("edge:", 64, Json.write(edge)));
    assertThat(stateOf(loaded)).isEqualTo(stateOf(learner));
  }

  private static LearnedPart edgePart() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", START));
    return LearnedState.changed(learner, "s", true, ALL).stream()
        .filter(part -> part.key().startsWith("edge:"))
        .findFirst()
        .orElseThrow();
  }

  private static LearnedPart workloadPart() {
    var learner = learner();
    learner.observe(seen(program("/app/a", "sha256:x"), service("db"), "pod-1", START));
    return LearnedState.changed(learner, "s", true, ALL).stream()
        .filter(part -> part.key().equals("workload"))
        .findFirst()
        .orElseThrow();
  }

  private static LearnedPart with(LearnedPart part, String from, String to) {
    assertThat(part.body()).contains(from);
    return new LearnedPart(part.replica(), part.owner(), part.key(), part.body().replace(from, to));
  }

  private static void assertRefused(LearnedPart part, String message) {
    var learner = learner();
    var before = stateOf(learner);

    assertThatThrownBy(() -> LearnedState.load(learner, List.of(workloadPart(), part)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("learned part '" + part.key() + "' of " + part.owner())
        .hasMessageContaining(" by server 's': ")
        .hasMessageEndingWith(message);

    assertThat(stateOf(learner)).isEqualTo(before);
  }

  @Test
  void load_partThatKithDidNotWrite_isRefused_andNothingIsAdded() {
    var edge = edgePart();
    var workload = workloadPart();
    assertRefused(
        with(edge, "\"v\":1", "\"v\":2"),
        "written by a newer Kith: its version is 2, this one knows 1 (start the newer one, or"
            + " relearn the workload)");
    assertRefused(with(edge, "\"v\":1", "\"v\":0"), "v: 0 (expected: from 1)");
    assertRefused(
        with(edge, "\"v\":1", "\"v\": 1"), "not JSON as Kith writes it, at character 411");
    assertRefused(
        with(edge, "\"name\":\"db\"", "\"name\":\"dc\""),
        "its content is that of '" + dcKey() + "'");
    assertRefused(
        with(edge, "\"count\":1", "\"count\":0"),
        "seen: 0 times until before it began (expected: once or more)");
    assertRefused(
        with(edge, "\"last\":\"2026-03-02T10", "\"last\":\"2026-03-02T09"),
        "seen: 1 times until before it began (expected: once or more)");
    assertRefused(
        with(edge, "\"reach\":\"INTERNAL\"", "\"reach\":\"MOON\""),
        "seen.reach: No enum constant io.kith.baselines.destination.Reach.MOON");
    assertRefused(
        with(edge, "\"hours\":[", "\"hours\":[" + "1,".repeat(64)),
        "hours: 65 of them (expected: at most 64)");
    assertRefused(
        with(workload, "\"dropped\":0", "\"dropped\":-1"), "dropped: -1 (expected: from 0)");
    assertRefused(
        new LearnedPart("s", Owner.parse("shop/job/other"), edge.key(), edge.body()),
        "another workload (expected: shop/deployment/checkout)");
    assertRefused(new LearnedPart("s", SHOP, edge.key(), "[".repeat(100_000)), "nested too deep");
    assertRefused(
        new LearnedPart("s", SHOP, edge.key(), " ".repeat((4 << 20) + 1)),
        "too long (expected: up to 4194304 characters)");
    assertRefused(
        new LearnedPart("s", SHOP, edge.key(), " ".repeat(4 << 20)),
        "not JSON as Kith writes it, at character 1");
  }

  /** A server that had not come to the end of its first write. */
  @Test
  void load_edgesWithoutTheirWorkload_areJudged() {
    var learner = learner();

    LearnedState.load(learner, List.of(edgePart()));

    assertThat(learner.edges()).hasSize(1);
    assertThat(learner.finishTestRun().approved()).hasSize(1);
  }

  @Test
  void load_pods_runAndEndAsTheyDid() {
    var learner = learner();
    learner.started(new Instance("ended", START, after("2H"), "sha256:1", false));
    learner.started(Sights.pod("runs", after("1H"), "sha256:2"));
    learner.runs(Sights.pod("watched", START, "sha256:2"), after("2H30M"));
    learner.observe(
        new Observation(
            program("/app/a", "sha256:3"), service("db"), "seen", after("4H"), after("3H")));
    var loaded = learner();
    LearnedState.resume(loaded, "s", LearnedState.changed(learner, "s", true, ALL));

    for (var hour = 0; hour < 9; hour++) {
      var now = after(hour + "H");
      assertThat(loaded.running(now)).as("%d", hour).isEqualTo(learner.running(now));
    }
    assertThat(loaded.running(after("4H30M"))).isEqualTo(2);
    assertThat(loaded.running(after("5H"))).isEqualTo(1);
    assertThat(loaded.startedAt()).isEqualTo(START);
    assertThat(loaded.starts()).isEqualTo(4);
    assertThat(loaded.instances.get("ended")).isEqualTo(learner.instances.get("ended"));
    assertThat(loaded.images())
        .isEqualTo(Map.of("sha256:1", START, "sha256:2", START, "sha256:3", after("3H")));
  }

  @Test
  void load_morePodsOrImagesThanThereCanBe_isRefused() {
    var learner = learner();
    for (var i = 0; i < Instances.MAX; i++) {
      learner.started(Sights.pod("pod-" + i, START, "sha256:" + i));
    }
    var full = LearnedState.changed(learner, "s", true, ALL).getFirst();
    var loaded = learner();
    LearnedState.load(loaded, List.of(full));
    assertThat(loaded.images()).hasSize(Instances.MAX);
    assertThat(loaded.running(START)).isEqualTo(Instances.MAX);

    var pod = "{\"digest\":\"i\",\"job\":false,\"replica\":\"a\",\"start\":\"" + START + "\"},";
    assertRefused(
        with(full, "\"pods\":[", "\"pods\":[" + pod),
        "pods: 4097 (expected: at most 4096, and as many images)");
    assertRefused(
        with(full, "\"images\":{", "\"images\":{\"a\":\"" + START + "\","),
        "pods: 4096 (expected: at most 4096, and as many images)");
  }

  private static String dcKey() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("dc"), "pod-1", START));
    return LearnedState.changed(learner, "s", true, ALL).stream()
        .map(LearnedPart::key)
        .filter(key -> key.startsWith("edge:"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void load_partCutAnywhere_isRefused() {
    for (var part : List.of(edgePart(), workloadPart())) {
      for (var length = 0; length < part.body().length(); length++) {
        var cut = new LearnedPart("s", SHOP, part.key(), part.body().substring(0, length));

        assertThatThrownBy(() -> LearnedState.load(learner(), List.of(cut)))
            .as("cut at %d", length)
            .isInstanceOf(IllegalArgumentException.class);
      }
    }
  }

  @Tag("random")
  @Test
  void load_anyCharacterAltered_isRefusedOrUnderstood_neverAnotherFailure() {
    var random = new Random(42);
    for (var part : List.of(edgePart(), workloadPart())) {
      for (var i = 0; i < 3_000; i++) {
        var body = new StringBuilder(part.body());
        body.setCharAt(random.nextInt(body.length()), (char) (32 + random.nextInt(95)));
        var altered = new LearnedPart("s", SHOP, part.key(), body.toString());

        assertThatCode(
                () -> {
                  try {
                    var learner = learner();
                    LearnedState.load(learner, List.of(altered));
                    assertThat(learner.edges().size()).isBetween(0, 1);
                    learner.waitsFor(after("1H"));
                  } catch (IllegalArgumentException _) {
                    // refused
                  }
                })
            .as("seed 42, step %d: %s", i, body)
            .doesNotThrowAnyException();
      }
    }
  }

  @Test
  void merge_sampleThatLeftNamesOut_staysComparable() { // it counted pods that it cannot hold
    var full = new Sample();
    for (var i = 0; i < 200; i++) {
      full.add("pod-" + i);
    }

    var merged = new Sample();
    merged.addAll(full);

    assertThat(merged.limit()).isEqualTo(full.limit());
    assertThat(Sample.of(full.names(), full.hasMore()).limit()).isEqualTo(full.limit());
  }

  /** Three servers' quarantines were three times as long. */
  @Test
  void load_whatManyServersSaw_isBounded_andWhatTheyDroppedAddsUp() {
    var merged = bounded(4);
    var parts = new ArrayList<LearnedPart>();
    for (var server = 0; server < 3; server++) {
      var own = bounded(4);
      for (var i = 0; i < 5; i++) {
        var to = service("db-" + server + "-" + i);
        own.observe(seen(program("/app/a", null), to, "pod-1", START));
        own.observe(seen(program("", null), to, "pod-1", START));
      }
      own.observe(seen(program("", null), service("one-more"), "pod-1", START));
      parts.addAll(LearnedState.changed(own, "s" + server, true, ALL));
    }

    LearnedState.load(merged, parts);

    assertThat(merged.risky.size()).isEqualTo(4);
    assertThat(merged.edges()).hasSize(8);
    assertThat(merged.book.dropped()).isEqualTo(3 + 8);
    assertThat(merged.risky.dropped()).isEqualTo(3 * 2 + 8);
  }

  private static Learner bounded(int edges) {
    var hour = Duration.ofHours(1);
    return Sights.learner(
        new LearningSettings(2, 0.25, 3, hour, hour, hour.multipliedBy(2), edges), Vouchers.NONE);
  }

  /** What is bounded while it is learned fits into what may be read. */
  @Test
  void load_partsOfALongLife_areAsTheyWere() {
    var learner = learner();
    for (var day = 0; day < 100; day++) {
      var process = program("/app/a", "sha256:" + day, "/init");
      var time = START.plus(Duration.ofDays(day));
      for (var hour = 0; hour < 3; hour++) {
        var at = time.plus(Duration.ofHours(hour));
        learner.observe(seen(process, service("db"), "pod-" + day, at));
      }
    }
    var other = learner();
    for (var day = 50; day < 200; day++) {
      var process = program("/app/a", "sha256:" + day, "/init");
      other.observe(seen(process, service("db"), "pod-" + day, START.plus(Duration.ofDays(day))));
    }
    var both = learner();
    both.merge(other);
    both.merge(learner);

    var loaded = learner();
    LearnedState.load(loaded, LearnedState.changed(learner, "s1", true, ALL));
    LearnedState.load(loaded, LearnedState.changed(other, "s2", true, ALL));

    assertThat(stateOf(loaded)).isEqualTo(stateOf(both));
    assertThat(loaded.images()).hasSize(200);
  }

  @Test
  void changed_whatIsKnownOfAPod_isWrittenOnlyWhenItIsMore() {
    var learner = learner();
    var app = program("/app/a", "sha256:x");
    learner.started(Sights.pod("announced", START, null));
    learner.observe(new Observation(app, service("db"), "seen", after("1H30M")));
    LearnedState.changed(learner, "s", true, ALL);

    learner.started(Sights.pod("announced", START, null));
    assertThat(LearnedState.changed(learner, "s", false, ALL)).isEmpty();

    learner.started(Sights.pod("seen", after("1H"), null)); // earlier, and announced from now on
    assertThat(LearnedState.changed(learner, "s", false, ALL)).hasSize(1);
    learner.started(Sights.pod("new", START, null));
    assertThat(LearnedState.changed(learner, "s", false, ALL)).hasSize(1);
    assertThat(LearnedState.changed(learner, "s", false, ALL)).isEmpty();
  }

  @Test
  void changed_afterTheStoreForgot_isAllOfIt() {
    var learner = learner();
    learner.observe(seen(program("/app/a", null), service("db"), "pod-1", START));
    learner.observe(seen(program("", null), service("db"), "pod-1", START));
    var first = LearnedState.changed(learner, "s", true, ALL);

    LearnedState.forgotten(learner);

    assertThat(LearnedState.changed(learner, "s", false, ALL))
        .containsExactlyInAnyOrderElementsOf(first)
        .hasSize(3);
    assertThat(LearnedState.changed(learner, "s", true, ALL)).isEmpty();
  }

  @Test
  void changed_whatWasDropped_isWritten() {
    var learner = bounded(1);
    learner.observe(seen(program("/app/a", null), service("db-1"), "pod-1", START));
    LearnedState.changed(learner, "s", true, ALL);

    learner.observe(seen(program("/app/a", null), service("db-2"), "pod-1", START));

    assertThat(LearnedState.changed(learner, "s", false, ALL)).isEmpty();
    assertThat(LearnedState.changed(learner, "s", true, ALL))
        .singleElement()
        .satisfies(part -> assertThat(part.body()).contains("\"dropped\":1"));
  }
}
