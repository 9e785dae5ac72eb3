package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.address;
import static io.kith.baselines.learning.Sights.external;
import static io.kith.baselines.learning.Sights.learner;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Candidate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A learner answers from what it has added up so far; what it adds up must be what one would find
 * that was asked for the first time.
 */
class AskedInBetweenTest {
  private static final LearningSettings DEFAULTS = LearningSettings.defaults();
  private static final LearningSettings UNATTENDED = DEFAULTS.unattended(Duration.ofDays(2));

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void learner_askedAfterEveryFewFlows_isAsOneThatWasNeverAsked(long seed) {
    var random = new Random(seed);
    var settings = random.nextBoolean() ? DEFAULTS : UNATTENDED;
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
    for (var i = 0; i < 3_000; i++) {
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
      if (i == 1_000) {
        asked.proposeAt(now.plus(Duration.ofDays(15)));
        quiet.proposeAt(now.plus(Duration.ofDays(15)));
      }
      if (random.nextInt(10) == 0) {
        ask(asked, flow, now, random);
      }
      if (random.nextInt(100) == 0) {
        var process = flow.process().processClass();
        var exact = Exact.of(flow.destination());
        assertThat(asked.approve(process, exact, "asked"))
            .isEqualTo(quiet.approve(process, exact, "asked"));
      }
      if (i % 500 == 0) {
        assertAlike(asked, askedFirst(quiet, settings, qa), now);
      }
    }

    assertAlike(asked, quiet, now);
    assertThat(asked.age(now.plus(Duration.ofDays(100))))
        .isEqualTo(quiet.age(now.plus(Duration.ofDays(100))));
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
      destinations.add(
          new Destination(
              "two.faces.example", Evidence.DNS, IpAddress.parse(address), 443, Protocol.TCP));
    }
    return destinations;
  }
}
