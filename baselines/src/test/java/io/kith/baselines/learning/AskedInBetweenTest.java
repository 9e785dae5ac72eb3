package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.address;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.learner;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessClass;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A learner answers from what it has added up so far; what it adds up must be what one would find
 * that was asked for the first time.
 */
class AskedInBetweenTest {
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final Candidate APP = program("/app", null);
  private static final LearningSettings UNATTENDED = DEFAULTS.unattended(Duration.ofDays(2));

  @ParameterizedTest
  @ValueSource(longs = {1, 4})
  void learner_askedAfterEveryFewFlows_isAsOneThatWasNeverAsked(long seed) {
    assertAskedInBetweenIsAsNeverAsked(seed, 360);
  }

  @Tag("random")
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void learner_askedInBetweenManyFlows_isAsOneThatWasNeverAsked(long seed) {
    assertAskedInBetweenIsAsNeverAsked(seed, 3_000);
  }

  private static void assertAskedInBetweenIsAsNeverAsked(long seed, int flows) {
    var random = new Random(seed);
    var settings = seed % 2 == 0 ? DEFAULTS : UNATTENDED;
    var qa = learner(settings, Vouchers.NONE);
    var asked = learner(settings, new EnvironmentVouchers(qa));
    var quiet = learner(settings, new EnvironmentVouchers(qa));
    var destinations = destinations();
    for (var learner : List.of(qa, asked, quiet)) {
      for (var pod = 0; pod < 200; pod++) {
        learner.started(Sights.pod("pod-" + pod, START.minus(Duration.ofDays(2)), null));
      }
    }
    var now = START;
    for (var i = 0; i < flows; i++) {
      now = now.plusSeconds(random.nextInt(200));
      var flow =
          seen(
              process(random),
              destinations.get(random.nextInt(destinations.size())),
              pod(random),
              random.nextInt(20) == 0 ? now.minusSeconds(random.nextInt(90_000)) : now);
      if (random.nextInt(4) == 0) {
        qa.observe(flow);
      }
      asked.observe(flow);
      quiet.observe(flow);
      if (i == flows / 3) {
        asked.proposeAt(now.plus(Duration.ofDays(15)));
        quiet.proposeAt(now.plus(Duration.ofDays(15)));
      }
      if (random.nextInt(10) == 0) {
        ask(asked, flow, now, random);
      }
      if (random.nextInt(100) == 0) {
        var process = flow.process().processClass();
        var exact = Exact.of(flow.destination());
        assertThat(asked.approve(process, exact)).isEqualTo(quiet.approve(process, exact));
      }
      if (i % (flows / 6) == 0) {
        assertAlike(asked, askedFirst(quiet, settings, qa), now);
      }
    }

    assertAlike(asked, quiet, now);
    assertThat(asked.age(now.plus(Duration.ofDays(100))))
        .isEqualTo(quiet.age(now.plus(Duration.ofDays(100))));
  }

  // ---- asked before and after one thing

  @Test
  void learner_thatTakesWhatAnotherSaw_ofEdgesThatItWasAskedAbout_addsItToThem() {
    var other = learner(DEFAULTS, Vouchers.NONE);
    for (var merging : List.of(true, false)) {
      var learner = learner(DEFAULTS, Vouchers.NONE);
      for (var i = 0; i < 4; i++) {
        learner.observe(seen(APP, external("s" + i + ".cdn.example"), "a", START));
        other.observe(seen(APP, external("s" + i + ".cdn.example"), "b", START));
      }
      assertThat(learner.edges()).singleElement().satisfies(edge -> assertSeen(edge, 4, "a"));

      if (merging) {
        learner.merge(other);
      } else {
        LearnedState.load(learner, LearnedState.changed(other, "s", true, 9));
      }

      var times = merging ? 8 : 12; // the other one saw all of them again
      assertThat(learner.edges())
          .singleElement()
          .satisfies(edge -> assertSeen(edge, times, "a", "b"));
    }
  }

  private static void assertSeen(LearnedEdge edge, int times, String... replicas) {
    assertThat(edge.evidence().connections()).isEqualTo(times);
    assertThat(edge.evidence().replicas()).containsExactlyInAnyOrder(replicas);
  }

  /** What a store knows from before leaves no room for what came later. */
  @Test
  void learner_thatTakesEarlierEdgesThanItHasRoomFor_forgetsWhatItWasAskedAbout() {
    var hour = Duration.ofHours(1);
    var two = new LearningSettings(2, 0.25, 3, hour, hour, hour.multipliedBy(2), 2);
    var learner = learner(two, Vouchers.NONE);
    learner.observe(seen(APP, service("late"), "a", START.plusSeconds(9)));
    assertThat(learner.edges()).hasSize(1);
    var other = learner(two, Vouchers.NONE);
    var helper = program("/helper", null);
    other.observe(seen(helper, service("early"), "a", START));
    other.observe(seen(helper, service("soon"), "a", START.plusSeconds(1)));

    LearnedState.load(learner, LearnedState.changed(other, "s", true, 9));

    assertThat(learner.edges())
        .extracting(edge -> edge.edge().words())
        .containsExactlyInAnyOrder("/helper → early:80", "/helper → soon:80");
    assertThat(learner.dropped()).isEqualTo(1);
  }

  @Test
  void learner_whoseNameLeadsToTheMetadataServiceByNow_takesItOutOfItsPattern() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var i = 0; i < 5; i++) {
      learner.observe(seen(APP, named("s" + i + ".site.example", "10.1.1.1"), "a", START));
    }
    assertThat(words(learner)).containsExactly("/app → s#.site.example:443");

    learner.observe(seen(APP, named("s0.site.example", "169.254.169.254"), "a", START));

    assertThat(words(learner))
        .containsExactlyInAnyOrder("/app → s#.site.example:443", "/app → s0.site.example:443");
  }

  private static Destination named(String name, String address) {
    return new Destination(name, Evidence.DNS, IpAddress.parse(address), 443, Protocol.TCP);
  }

  private static List<String> words(Learner learner) {
    return learner.edges().stream().map(edge -> edge.edge().words()).toList();
  }

  /** Of a pattern of which one member is approved, the others have to show support. */
  @Test
  void edgeOf_aPatternThatIsApprovedInPart_countsOnWithTheOthers() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var pod : List.of("a", "b")) {
      learner.started(Sights.pod(pod, START, null));
      learner.observe(seen(APP, shard(0), pod, after("1H")));
    }
    for (var i = 1; i < 5; i++) {
      learner.observe(seen(APP, shard(i), "a", after("1H")));
    }
    learner.decided(
        Baseline.of(
            Sights.SHOP, null, List.of(Edge.learned(APP.processClass(), Exact.of(shard(0))))));
    assertThat(why(learner, shard(0))).isEqualTo("seen on 1 of 2 replicas");

    learner.observe(seen(APP, shard(3), "b", after("2H")));
    assertThat(why(learner, shard(0))).isEqualTo("enough support");
  }

  /** What one member of a pattern has shown, others of it had shown before. */
  @Test
  void edgeOf_aPattern_asksAgainForAVoucherWhenAMemberShowsWhatOthersHave() {
    var vouchers =
        new Vouchers() {
          @Override
          public boolean vouch(
              ProcessClass process, Exact destination, boolean external, Set<String> digests) {
            return digests.contains("sha256:2");
          }

          @Override
          public long changes() {
            return 0;
          }
        };
    var learner = learner(DEFAULTS, vouchers);
    for (var i = 0; i < 4; i++) {
      learner.observe(seen(APP, shard(i), "a", after("1H")));
    }
    for (var i = 0; i < 4; i++) {
      assertThat(why(learner, shard(0))).isNotEqualTo("enough support");
      learner.observe(seen(program("/app", "sha256:2"), shard(i), "a", after("2H")));
    }

    assertThat(why(learner, shard(0))).isEqualTo("enough support");
  }

  private static Destination shard(int number) {
    return service("db-" + number + ".db.shop.svc.cluster.local");
  }

  private static String why(Learner learner, Destination destination) {
    return requireNonNull(learner.edgeOf(APP.processClass(), Exact.of(destination), after("24H")))
        .why();
  }

  /** A voucher that cannot say whether it has changed is asked every time. */
  @Test
  void deficit_askedAgain_asksAVoucherThatMayHaveChanged() {
    var known = new AtomicBoolean();
    var learner = learner(DEFAULTS, (_, _, _, _) -> known.get());
    learner.observe(seen(APP, service("db"), "a", START));
    assertThat(learner.deficit()).isPositive();
    assertThat(learner.missing(after("48H"))).isNotEmpty();

    known.set(true);

    assertThat(learner.deficit()).isZero();
    assertThat(why(learner, service("db"))).isEqualTo("enough support");
  }

  @Test
  void waitsFor_askedAgainInTheSameHour_knowsWhatIsNew_andWhatWasForgotten() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    for (var pod : List.of("a", "b")) {
      learner.started(Sights.pod(pod, START, null));
      for (var hour = 0; hour < 60; hour++) {
        learner.observe(seen(APP, service("db"), pod, after(hour + "H")));
      }
    }
    assertThat(learner.waitsFor(after("60H1M"))).isEmpty();

    var helper = program("/helper", null);
    learner.observe(seen(helper, service("db"), "a", after("60H2M")));
    assertThat(learner.waitsFor(after("60H2M"))).contains("24 h more without a new edge");

    learner.forget(helper.processClass());
    assertThat(learner.waitsFor(after("60H3M"))).isEmpty();
  }

  /** A tool on all pods is learned by time; once most pods do without it, a person decides. */
  @Test
  void waitsFor_askedAgain_knowsOfPodsThatDoWithoutATool() {
    var learner = learner(DEFAULTS, Vouchers.NONE);
    learner.started(Sights.pod("a", START, null));
    for (var hour = 0; hour < 40; hour++) {
      learner.observe(seen(APP, service("db"), "a", after(hour + "H")));
    }
    var curl = program("/usr/bin/curl", null);
    learner.observe(seen(curl, service("db"), "a", after("30H")));
    assertThat(learner.deficit()).isPositive();
    assertThat(learner.waitsFor(after("40H"))).hasSize(2);

    for (var i = 0; i < 5; i++) {
      learner.started(Sights.pod("new-" + i, after("31H"), null));
    }

    assertThat(learner.deficit()).isZero();
    assertThat(learner.waitsFor(after("41H"))).isEmpty();
  }

  /** What was seen, in a learner that has never been asked; without what was decided. */
  private static Learner askedFirst(Learner learner, LearningSettings settings, Learner qa) {
    var copy = learner(settings, new EnvironmentVouchers(qa));
    copy.merge(learner);
    copy.decided(learner.proposed());
    return copy;
  }

  private static void assertAlike(Learner asked, Learner other, Instant now) {
    assertThat(asked.edges()).hasSameSizeAs(other.edges());
    for (var i = 0; i < asked.edges().size(); i++) {
      assertThat(asked.edges().get(i)).isEqualTo(other.edges().get(i));
    }
    assertThat(asked.deficit()).isEqualTo(other.deficit());
    assertThat(asked.missing(now)).isEqualTo(other.missing(now));
    assertThat(asked.circumstances(now)).isEqualTo(other.circumstances(now));
  }

  private static void ask(Learner learner, Observation flow, Instant now, Random random) {
    var process = flow.process().processClass();
    var exact = Exact.of(flow.destination());
    switch (random.nextInt(6)) {
      case 0 -> learner.edges();
      case 1 -> learner.edgeOf(process, exact, now);
      case 2 -> learner.missing(now);
      case 3 -> learner.isOpenEnded(process, exact);
      case 4 -> learner.deficit();
      default -> learner.patternOf(process, exact);
    }
  }

  private static Candidate process(Random random) {
    var digest = "sha256:" + random.nextInt(3);
    return random.nextInt(8) == 0
        ? program("/bin/bash", digest, "/app")
        : program("/app" + random.nextInt(12), digest); // one class, in several words
  }

  private static String pod(Random random) {
    return "pod-" + (random.nextInt(10) == 0 ? random.nextInt(200) : random.nextInt(3));
  }

  /** Without dynamic ports: whether they come and go is only asked when one of them is new. */
  private static List<Destination> destinations() {
    var destinations = new ArrayList<Destination>();
    for (var i = 0; i < 12; i++) {
      destinations.add(external("s" + i + ".cdn.example"));
      destinations.add(external((char) ('a' + i) + ".api.example"));
      destinations.add(service("db-" + i + ".db.shop.svc.cluster.local"));
      destinations.add(address("10.0.7." + (10 + i), 9_100));
    }
    destinations.add(address("203.0.113.9", 443));
    destinations.add(address("169.254.169.254", 80));
    // a name that leads within the site at times, and outside at others
    for (var address : List.of("10.1.1.1", "198.51.100.3")) {
      destinations.add(named("two.faces.example", address));
    }
    return destinations;
  }
}
