package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.learner;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** What came first stays; what is too much is counted and dropped, on every server alike. */
class BoundsTest {
  private static final Candidate APP = program("/app", "sha256:1");
  private static final Candidate HELPER = program("/helper", "sha256:1");
  private static final Candidate NAMELESS = program("", "sha256:1");
  private static final String FIRST_BY_NAME = "ant bat cow dog eel fox gnu hen ibis jay";

  @Test
  void observe_moreThanTheBoundOfAClass_leavesRoomForOthers() {
    var learner = withBound(1_000); // an eighth of it for each class
    for (var i = 0; i < 130; i++) {
      learner.observe(seen(APP, service("s" + i), "a", START));
    }

    assertThat(learner.edges()).hasSize(125);
    assertThat(learner.dropped()).isEqualTo(5);
    assertThat(learner.observe(seen(APP, service("one-more"), "a", START))).isFalse();
    assertThat(learner.dropped()).isEqualTo(6);
    assertThat(learner.observe(seen(APP, service("s0"), "a", after("1H")))).isFalse();
    assertThat(learner.dropped()).isEqualTo(6);
    assertThat(learner.observe(seen(HELPER, service("s0"), "a", START))).isTrue();
  }

  @Test
  void merge_beyondTheBound_keepsWhatWasSeenFirst_whicheverServerSawIt() {
    for (var swapped : List.of(false, true)) {
      var one = withBound(10);
      var other = withBound(10);
      for (var i = 0; i < 10; i++) {
        for (var again = 0; again < 3; again++) {
          one.observe(seen(APP, service("a" + i), "a", after(2 * i + "M")));
          other.observe(seen(HELPER, service("b" + i), "b", after((2 * i + 1) + "M")));
        }
      }
      var merged = withBound(10);
      merged.merge(swapped ? other : one);
      merged.merge(swapped ? one : other);

      assertThat(destinations(merged))
          .containsExactlyInAnyOrder("a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4");
      assertThat(merged.dropped()).isEqualTo(30);
      assertThat(merged.edges()).allMatch(edge -> edge.evidence().connections() == 3);
    }
  }

  @Test
  void merge_beyondTheBound_atTheSameMoment_keepsTheFirstByName() {
    assertThat(mergedOfTheSameMoment(APP)).containsExactlyInAnyOrder(FIRST_BY_NAME.split(" "));
  }

  @Test
  void merge_beyondTheBoundOfAClass_keepsWhatWasSeenFirst() {
    var one = withBound(200); // 64 for each class
    var other = withBound(200);
    for (var i = 0; i < 60; i++) {
      one.observe(seen(APP, service("a" + i), "a", after(2 * i + "M")));
      other.observe(seen(APP, service("b" + i), "a", after((2 * i + 1) + "M")));
      one.observe(seen(HELPER, service("a" + i), "a", after(2 * i + "M")));
    }

    one.merge(other);

    var kept = new ArrayList<String>();
    IntStream.range(0, 32).forEach(i -> kept.addAll(List.of("a" + i, "b" + i)));
    IntStream.range(0, 60).forEach(i -> kept.add("a" + i)); // of the other class
    assertThat(destinations(one)).containsExactlyInAnyOrderElementsOf(kept);
    assertThat(one.dropped()).isEqualTo(56);
  }

  @Test
  void merge_whatTheOtherDropped_isCounted() {
    var one = withBound(1);
    var other = withBound(1);
    for (var i = 0; i < 3; i++) {
      other.observe(seen(APP, service("s" + i), "a", START));
      other.observe(seen(NAMELESS, service("s" + i), "a", START));
    }
    assertThat(other.dropped()).isEqualTo(4);

    one.merge(other);

    assertThat(one.dropped()).isEqualTo(4);
    assertThat(one.edges()).hasSize(2);
  }

  @Test
  void merge_beyondTheBound_ofMoreClassesThanItLeaves_keepsWhatWasSeenFirst() {
    var one = withBound(1);
    var other = withBound(10);
    for (var i = 0; i < 4; i++) {
      other.observe(
          seen(
              program("/app-" + i + "/run-" + (char) ('a' + i), null),
              service("db"),
              "a",
              after((9 - i) + "M")));
    }

    one.merge(other);

    assertThat(one.edges()).extracting(LearnedEdge::process).containsExactly("/app-3/run-d");
    assertThat(one.dropped()).isEqualTo(3);
  }

  @Test
  void forget_aProcessClass_makesRoomForAnother() {
    var learner = withBound(10);
    for (var i = 0; i < 10; i++) {
      learner.observe(seen(APP, service("s" + i), "a", START));
    }
    assertThat(learner.observe(seen(HELPER, service("db"), "a", START))).isFalse();

    learner.forget(APP.processClass());

    assertThat(learner.observe(seen(HELPER, service("db"), "a", START))).isTrue();
  }

  /** Who keeps an answer asks this for whether it still holds. */
  @Test
  void changes_growWithEachEdge_seenChangesWithAllThatIsMoreThanACount() {
    var book = withBound(2).book;
    assertGrows(book, true, true, () -> add(book, "db", "a", "10M"));
    assertGrows(book, false, false, () -> add(book, "db", "a", "11M"));
    assertGrows(book, false, true, () -> add(book, "db", "b", "11M"));
    assertGrows(book, true, true, () -> add(book, "api", "a", "11M"));
    assertGrows(book, false, false, () -> add(book, "dropped", "a", "11M"));

    var other = withBound(2).book;
    add(other, "db", "c", "12M");
    assertGrows(book, false, true, () -> book.merge(other));
    var more = new Sightings();
    more.add(seen(APP, service("db"), "d", after("12M")), Reach.INTERNAL);
    assertGrows(
        book, false, true, () -> book.absorb(APP.processClass(), Exact.of(service("db")), more));
    assertGrows(book, true, true, () -> book.forget(APP.processClass()));
    assertGrows(book, false, false, () -> book.forget(APP.processClass()));
  }

  private static void add(Book book, String destination, String pod, String time) {
    book.add(seen(APP, service(destination), pod, after(time)), Hash.of(pod), Reach.INTERNAL);
  }

  private static void assertGrows(Book book, boolean edges, boolean seen, Runnable step) {
    var changes = book.changes();
    var seenChanges = book.seenChanges();
    step.run();
    assertThat(book.changes() > changes).isEqualTo(edges);
    assertThat(book.seenChanges() > seenChanges).isEqualTo(seen);
  }

  @Test
  void merge_risksBeyondTheBound_keepsWhatWasSeenFirst() {
    var one = withBound(10);
    var other = withBound(10);
    for (var i = 0; i < 12; i++) {
      for (var again = 0; again < 2; again++) {
        one.observe(seen(NAMELESS, service("a" + i), "a", after(2 * i + "M")));
        other.observe(seen(NAMELESS, service("b" + i), "a", after((2 * i + 1) + "M")));
      }
    }
    assertThat(one.edges()).hasSize(10);
    assertThat(one.dropped()).isEqualTo(4);

    one.merge(other);

    assertThat(destinations(one))
        .containsExactlyInAnyOrder("a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4");
    assertThat(one.dropped()).isEqualTo(4 + 4 + 20);
  }

  @Test
  void merge_risksBeyondTheBound_atTheSameMoment_keepsTheFirstByName() {
    assertThat(mergedOfTheSameMoment(NAMELESS)).containsExactlyInAnyOrder(FIRST_BY_NAME.split(" "));
  }

  private static List<String> mergedOfTheSameMoment(Candidate process) {
    var one = withBound(10);
    for (var name : "ant toad cow ram eel pig gnu newt ibis lamb".split(" ", -1)) {
      one.observe(seen(process, service(name), "a", START));
    }
    var other = withBound(10);
    for (var name : "bat seal dog quail fox owl hen mole jay kid".split(" ", -1)) {
      other.observe(seen(process, service(name), "a", START));
    }
    var merged = withBound(10);
    merged.merge(one);
    merged.merge(other);
    return destinations(merged);
  }

  @Test
  void merge_oneRiskWithTwoReasons_hasTheSameOneBothWays() {
    var session = withBound(10);
    session.observe(seen(risky(true), service("db"), "a", START));
    var injected = withBound(10);
    injected.observe(seen(risky(false), service("db"), "a", START));

    for (var order : List.of(List.of(session, injected), List.of(injected, session))) {
      var merged = withBound(10);
      order.forEach(merged::merge);

      assertThat(merged.edges())
          .extracting(LearnedEdge::why)
          .containsExactly("code is loaded that is not from the image");
      assertThat(merged.edges().getFirst().evidence().connections()).isEqualTo(2);
    }
  }

  @Test
  void merge_leavesTheOtherAsItWas() {
    var one = withBound(10);
    var other = withBound(10);
    one.observe(seen(APP, service("db"), "a", START));
    one.observe(seen(NAMELESS, service("db"), "a", START));
    other.observe(seen(APP, service("db"), "b", after("1H")));
    other.observe(seen(NAMELESS, service("db"), "b", after("1H")));
    var before = other.edges();

    one.merge(other);
    one.observe(seen(APP, service("db"), "c", after("2H")));
    one.observe(seen(NAMELESS, service("db"), "c", after("2H")));

    assertThat(other.edges()).isEqualTo(before);
    assertThat(one.edges()).allMatch(edge -> edge.evidence().connections() == 3);
  }

  // ---- the evidence of one edge

  @Test
  void evidence_isWhenHowOftenAndWhere() {
    var learner = withBound(10);
    learner.observe(seen(APP, service("db"), "b", after("3H")));
    learner.observe(seen(APP, service("db"), "a", after("1H")));
    learner.observe(seen(APP, service("db"), "a", after("1H1M")));
    learner.observe(seen(APP, service("db"), "a", after("2H")));

    var evidence = learner.edges().getFirst().evidence();

    var hour = START.getEpochSecond() / 3_600;
    assertThat(evidence)
        .isEqualTo(
            new Evidence(
                4,
                after("1H"),
                after("3H"),
                Set.of("a", "b"),
                Set.of(hour + 1, hour + 2, hour + 3)));
    assertThat(evidence.span()).isEqualTo(Duration.ofHours(2));
  }

  @Test
  void evidence_ofManyHours_isTheFirstOnes_inAnyOrder() {
    var first = START.getEpochSecond() / 3_600;
    var expected = LongStream.range(first, first + 64).boxed().toList();
    var forwards = withBound(10);
    var backwards = withBound(10);
    for (var i = 0; i < 100; i++) {
      forwards.observe(seen(APP, service("db"), "a", after(i + "H")));
      backwards.observe(seen(APP, service("db"), "a", after((99 - i) + "H")));
    }
    var merged = withBound(10);
    merged.merge(backwards);
    merged.merge(forwards);

    for (var learner : List.of(forwards, backwards, merged)) {
      assertThat(learner.edges().getFirst().evidence().hours())
          .containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  /** The process of an edge is shown as it was seen last, with its version. */
  @Test
  void process_isTheLatestOfItsClass_inAnyOrder() {
    var old = program("/opt/app-1/run", "sha256:1");
    var now = program("/opt/app-2/run", "sha256:1");
    var forwards = withBound(10);
    forwards.observe(seen(old, service("db"), "a", START));
    forwards.observe(seen(now, service("db"), "a", after("1H")));
    var backwards = withBound(10);
    backwards.observe(seen(now, service("db"), "a", after("1H")));
    backwards.observe(seen(old, service("db"), "a", START));
    var merged = withBound(10);
    merged.merge(forwards);
    merged.merge(backwards);

    for (var learner : List.of(forwards, backwards, merged)) {
      assertThat(learner.edges())
          .extracting(LearnedEdge::process)
          .containsExactly("/opt/app-2/run");
    }
  }

  @Test
  void process_ofTwoServersAtTheSameMoment_isTheSameBothWays() {
    var one = withBound(10);
    one.observe(seen(program("/opt/app-1/run", null), service("db"), "a", START));
    var other = withBound(10);
    other.observe(seen(program("/opt/app-2/run", null), service("db"), "a", START));

    for (var order : List.of(List.of(one, other), List.of(other, one))) {
      var merged = withBound(10);
      order.forEach(merged::merge);

      assertThat(merged.edges()).extracting(LearnedEdge::process).containsExactly("/opt/app-1/run");
    }
  }

  // ---- vouchers of another environment

  @Test
  void vouch_needsTheSameEdge_andOutsideTheMeshAnotherImage() {
    var qa = withBound(100);
    qa.observe(seen(APP, service("db"), "a", START));
    qa.observe(seen(APP, external("api.psp.example"), "a", START));
    var vouchers = new EnvironmentVouchers(qa);
    var process = APP.processClass();
    var db = Exact.of(service("db"));
    var api = Exact.of(external("api.psp.example"));

    assertThat(vouchers.vouch(process, db, false, Set.of("sha256:1"))).isTrue();
    assertThat(vouchers.vouch(process, Exact.of(service("no")), false, Set.of())).isFalse();
    assertThat(vouchers.vouch(HELPER.processClass(), db, false, Set.of())).isFalse();
    assertThat(vouchers.vouch(process, api, true, Set.of("sha256:1"))).isFalse();
    assertThat(vouchers.vouch(process, api, true, Set.of("sha256:2"))).isTrue();
    assertThat(vouchers.vouch(process, api, true, Set.of())).isFalse(); // it may be the same
  }

  private static Candidate risky(boolean session) {
    var clean = APP.fingerprint();
    var fingerprint =
        new ProcessFingerprint(
            clean.path(),
            null,
            clean.origin(),
            clean.uid(),
            clean.entryKind(),
            clean.program(),
            null,
            clean.lineage(),
            null,
            null,
            session ? List.of() : List.of("/tmp/x.so"),
            session);
    return new Candidate(
        "fp:2", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  private static Learner withBound(int edges) {
    var hour = Duration.ofHours(1);
    return learner(
        new LearningSettings(2, 0.25, 3, hour, hour, hour.multipliedBy(2), edges), Vouchers.NONE);
  }

  private static List<String> destinations(Learner learner) {
    return learner.edges().stream()
        .map(edge -> edge.edge().words())
        .map(words -> words.substring(words.indexOf("→ ") + 2, words.lastIndexOf(':')))
        .toList();
  }
}
