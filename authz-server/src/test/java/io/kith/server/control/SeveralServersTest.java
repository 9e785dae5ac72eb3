package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.program;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.baselines.store.LearnedPart;
import io.kith.server.check.Await;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What servers on one store learn together, and forget together. */
@Timeout(600)
class SeveralServersTest {
  private static final Owner OWNER = CHECKOUT.owner();

  private static final Candidate REPORT = program("/app/report", HASH, Origin.IMAGE);

  private final TellingStore store = new TellingStore();
  private final Site site = new Site(store);
  private ControlState one;
  private ControlState two;

  @BeforeEach
  void start() throws Exception {
    one = site.server("one");
    two = site.server("two");
  }

  @AfterEach
  void stop() {
    one.close();
    two.close();
  }

  private void seen(ControlState state, Candidate program, String pod) throws Exception {
    site.check(state, CHECKOUT, flow(database(), program), pod);
  }

  /** As the flushers and the housekeeping do. */
  private void exchange() throws Exception {
    site.flush(one);
    site.flush(two);
    one.readOthers();
    two.readOthers();
  }

  private void learn(int hours) throws Exception {
    for (var hour = 0; hour <= hours; hour++) {
      site.clock.set(NOON.plus(Duration.ofHours(hour)));
      seen(one, PAYMENTS, "10.88.1.2");
      seen(two, PAYMENTS, "10.88.1.3");
    }
  }

  private static List<String> programs(ControlState state) throws Exception {
    return state.edges(OWNER).stream().map(KnownEdge::process).sorted().toList();
  }

  private static KnownEdge payments(ControlState state) throws Exception {
    return state.edges(OWNER).stream()
        .filter(edge -> edge.process().equals("/app/payments"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void coverage_isOfWhatAllServersSaw() throws Exception {
    learn(60);
    assertThat(payments(one).state()).as("one pod of one is not enough yet").isNotNull();

    exchange();

    for (var state : List.of(one, two)) {
      var edge = payments(state);
      assertThat(edge.state()).isEqualTo(EdgeState.CANDIDATE);
      assertThat(Objects.requireNonNull(edge.evidence()).connections()).isEqualTo(122);
      assertThat(edge.evidence().replicas()).hasSize(2);
      assertThat(state.reports().coverage(OWNER).getFirst().podsStarted()).isEqualTo(2);
    }
  }

  @Test
  void exchange_again_countsNothingTwice() throws Exception {
    learn(3);

    exchange();
    exchange();
    seen(one, PAYMENTS, "10.88.1.2");
    exchange();

    assertThat(Objects.requireNonNull(payments(two).evidence()).connections()).isEqualTo(9);
    assertThat(Objects.requireNonNull(payments(one).evidence()).connections()).isEqualTo(9);
    assertThat(site.learned()).extracting(LearnedPart::replica).containsOnly("one", "two");
  }

  @Test
  void tidy_onBoth_proposesOneBaseline() throws Exception {
    learn(60);
    exchange();

    one.tidy();
    two.tidy();
    Await.until("two follows", () -> two.store().position() == 1);
    two.tidy();

    assertThat(one.store().position()).isEqualTo(1);
    assertThat(two.reports().revisions(OWNER)).hasSize(1);
  }

  @Test
  void tidy_whatOnlyTheOtherServerSaw_isNotCompleteWithout() throws Exception {
    for (var hour = 0; hour <= 60; hour++) {
      site.clock.set(NOON.plus(Duration.ofHours(hour)));
      seen(one, PAYMENTS, "10.88.1.2");
    }
    seen(two, REPORT, "10.88.1.3");
    exchange();

    one.tidy();

    assertThat(one.reports().revisions(OWNER)).as("an edge appeared an hour ago").isEmpty();
    assertThat(one.reports().coverage(OWNER).getFirst().waitsFor())
        .anyMatch(words -> words.contains("without a new edge"));
  }

  @Test
  void restart_takesOwnPartsAgain_andWritesOnlyThose() throws Exception {
    learn(3);
    exchange();
    one.close();

    one = site.server("one");

    assertThat(Objects.requireNonNull(payments(one).evidence()).connections()).isEqualTo(8);
    assertThat(one.changedParts(true, 100)).as("nothing was seen since").isEmpty();
    seen(one, PAYMENTS, "10.88.1.2");
    assertThat(one.changedParts(true, 100)).extracting(LearnedPart::replica).containsOnly("one");
  }

  // reading

  @Test
  void readOthers_whatHasNotChanged_isNotReadAgain() throws Exception {
    learn(3);
    exchange();
    store.takeAsked();

    exchange();
    assertThat(store.takeAsked()).isEmpty();

    seen(two, CURL, "10.88.1.3");
    site.flush(two);
    one.readOthers();
    assertThat(store.takeAsked()).containsExactly(OWNER);
    assertThat(programs(one)).containsExactly("/app/payments", "/usr/bin/curl");
  }

  @Test
  void readOthers_thatFails_isDoneAgain() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    site.flush(two);
    store.answers = 0;
    one.readOthers();
    assertThat(programs(one)).isEmpty();

    store.answers = Integer.MAX_VALUE;
    one.readOthers();

    assertThat(programs(one)).containsExactly("/app/payments");
  }

  /** All of them at once took hundreds of MB. */
  @Test
  void readOthers_manyWorkloads_areReadSomeAtATime_andAgainFromTheSameMarkWhenOneFails()
      throws Exception {
    var many = new ArrayList<>(site.workloads);
    for (var i = 0; i < 50; i++) {
      many.add(new Workload(Owner.parse("shop/deployment/w" + i), "prod", Set.of()));
    }
    site.workloads = many;
    one.close();
    one = site.server("one");
    var stranger = Owner.parse("shop/deployment/gone");
    store.takeAsked();
    var learned =
        Stream.concat(many.stream().map(Workload::owner), Stream.of(stranger))
            .map(owner -> new Plain(new LearnedPart("two", owner, "edge:1", "{}"), 7)) // to come
            .toList();
    store.saveLearned(LearnedSeals.seal(learned, site.keys.learner()));

    store.answers = 2;
    one.readOthers();
    store.answers = Integer.MAX_VALUE;
    store.asked.clear();
    one.readOthers();

    assertThat(store.asked).allMatch(some -> some.size() <= 16);
    assertThat(store.takeAsked())
        .containsExactlyInAnyOrderElementsOf(many.stream().map(Workload::owner).toList());
    one.readOthers();
    assertThat(store.takeAsked()).isEmpty();
  }

  @Test
  void readOthers_whatWasForgotten_isNoticedNowAndThen() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    site.flush(two);
    one.readOthers();
    store.forgetLearned("two", OWNER);
    one.readOthers();
    assertThat(programs(one)).containsExactly("/app/payments");

    for (var minute = 0; minute < 60; minute++) {
      one.readOthers();
    }

    assertThat(programs(one)).isEmpty();
  }

  /** Who ended an epoch writes of the next one before all have followed. */
  @Test
  void readOthers_partOfAnEpochToCome_isTakenWhenItHasCome() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    var ofThree =
        two.changedParts(true, 100).stream()
            .map(part -> LearnedSeals.unsealed(part).part())
            .map(part -> new LearnedPart("three", OWNER, part.key(), part.body()))
            .map(part -> new Plain(part, 1))
            .toList();
    store.saveLearned(LearnedSeals.seal(ofThree, site.keys.learner()));
    one.readOthers();
    assertThat(programs(one)).isEmpty();

    one.rules().relearn(OWNER, null, "begun anew", "ada");
    one.readOthers();

    assertThat(programs(one)).containsExactly("/app/payments");
  }

  // forgetting

  @Test
  void relearn_partOnItsWayToTheStore_doesNotComeBack() throws Exception {
    seen(one, PAYMENTS, "10.88.1.2");
    var onItsWay = one.changedParts(true, 100);

    one.rules().relearn(OWNER, null, "an incident", "ada");
    site.store.saveLearned(onItsWay);
    Await.until("two follows", () -> two.store().position() == 1);

    two.readOthers();
    assertThat(programs(two)).isEmpty();
    one.close();
    one = site.server("one");
    assertThat(programs(one)).isEmpty();
    assertThat(site.learned()).as("and it takes no room any more").isEmpty();
  }

  @Test
  void relearn_isForTheOtherServersToo_alsoForOneThatWasAway() throws Exception {
    learn(3);
    exchange();
    two.close();

    one.rules().relearn(OWNER, null, "an incident", "ada");
    one.readOthers();
    assertThat(programs(one)).isEmpty();

    two = site.server("two");
    assertThat(programs(two)).isEmpty();
    seen(two, CURL, "10.88.1.3");
    exchange();
    assertThat(programs(one)).containsExactly("/usr/bin/curl");
  }

  @Test
  void relearn_oneProcess_keepsTheOthersEverywhere() throws Exception {
    seen(one, PAYMENTS, "10.88.1.2");
    seen(one, CURL, "10.88.1.2");
    seen(two, CURL, "10.88.1.3");
    seen(two, PAYMENTS, "10.88.1.3");
    exchange();
    var curl =
        one.edges(OWNER).stream()
            .filter(edge -> edge.process().equals("/usr/bin/curl"))
            .findFirst()
            .orElseThrow();

    one.rules().relearn(OWNER, curl.edge().id(), "a new tool", "ada");
    Await.until("two follows", () -> two.store().position() == 1);
    exchange();

    for (var state : List.of(one, two)) {
      assertThat(programs(state)).containsExactly("/app/payments");
      assertThat(Objects.requireNonNull(payments(state).evidence()).connections()).isEqualTo(2);
    }
    one.close();
    one = site.server("one");
    assertThat(programs(one)).containsExactly("/app/payments");
  }

  // somebody writes to the store

  @Test
  void readOthers_partThatWasAltered_isNotUsed() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    site.flush(two);
    for (var part : site.learned()) {
      site.store.saveLearned(
          List.of(
              new LearnedPart(
                  part.replica(),
                  part.owner(),
                  part.key(),
                  part.body().replace("10.88.1.3", "10.88.1.9"))));
    }

    one.readOthers();

    assertThat(programs(one)).isEmpty();
    assertThat(one.refusedParts()).isEqualTo(2);
  }

  /** One of them stopped all evidence of the workload, at every server. */
  @Test
  void readOthers_partThatCannotBeRead_costsOnlyWhatItsServerSaw() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    site.flush(two);
    for (var body : List.of("{}", "{\"v\":2}", "no JSON")) {
      site.store.saveLearned(
          LearnedSeals.seal(
              List.of(new Plain(new LearnedPart("three", OWNER, "edge:1", body), 0)),
              site.keys.learner()));

      one.readOthers();

      assertThat(programs(one)).containsExactly("/app/payments");
    }
  }

  @Test
  void unlearnable_isWhatCannotBeRead_orOfAnEpochToCome() throws Exception {
    seen(two, PAYMENTS, "10.88.1.3");
    site.flush(two);
    var parts = site.learned().stream().map(LearnedSeals::unsealed).toList();
    var part = parts.getFirst().part();
    var rules = one.rules();

    assertThat(parts).hasSize(2).allMatch(plain -> rules.unlearnable(plain) == null);
    assertThat(rules.unlearnable(new Plain(new LearnedPart("two", OWNER, part.key(), "{}"), 0)))
        .startsWith("learned part '" + part.key() + "' of " + OWNER + " by server 'two': ");
    assertThat(rules.unlearnable(new Plain(part, 1)))
        .isEqualTo(
            "learned part of "
                + OWNER
                + ": epoch 1 (expected: up to 0, as the log says; it is tried again)");
    assertThat(rules.unlearnable(new Plain(part, -1))).contains("epoch -1");

    rules.relearn(OWNER, null, "begun anew", "ada");

    assertThat(parts)
        .as("of a server that is late")
        .allMatch(plain -> rules.unlearnable(plain) == null);
    assertThat(rules.unlearnable(new Plain(part, 1))).isNull();
  }

  @Test
  void readOthers_partOfAnUntrustedServer_isNotUsed() throws Exception {
    var stranger = new Site(site.store);
    try (var state = stranger.server("three")) {
      stranger.check(state, flow(database(), PAYMENTS));
      stranger.flush(state);
    }

    one.readOthers();

    assertThat(programs(one)).isEmpty();
    assertThat(one.refusedParts()).isEqualTo(2);
  }
}
