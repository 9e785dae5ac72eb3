package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.HASH;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.SCRIPT_HASH;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Script;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.Elsewhere.Answer;
import io.kith.server.control.Elsewhere.Answers;
import io.kith.server.control.Elsewhere.Question;
import io.kith.server.control.Elsewhere.Remembered;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class OtherDecisionsTest {
  private static final Map<Owner, Workload> KNOWN = Map.of(CHECKOUT.owner(), CHECKOUT);
  private static final Edge EDGE =
      Edge.byHand(
          CURL.processClass(),
          io.kith.baselines.destination.DestinationPattern.Exact.of(database().destination()),
          HASH,
          null,
          new Provenance.ByHand("ada", "CHG-1", NOON.plusSeconds(60)));

  private final DecisionLog log = new DecisionLog();
  private final OtherDecisions others =
      new OtherDecisions(
          log,
          owner ->
              Stream.of(CHECKOUT, CATALOG)
                  .filter(one -> one.owner().equals(owner))
                  .findFirst()
                  .orElse(null));

  static List<Reason> reasons() {
    return List.of(
        new Reason.NoBaseline(),
        new Reason.NewProcess(),
        new Reason.NewDestination(),
        new Reason.OriginNotInImage(Origin.MEMFD),
        new Reason.HashChanged(HASH, null),
        new Reason.HashChanged(HASH, SCRIPT_HASH),
        new Reason.LineageMismatch(List.of("/sbin/init", "/bin/sh")),
        new Reason.InterpreterInline(),
        new Reason.InjectedCode(List.of("/tmp/evil.so")),
        new Reason.IdentityMismatch("of another pod"),
        new Reason.NameMismatch("says a, goes to b"),
        new Reason.Quarantined("INC-1"),
        new Reason.Expired(NOON),
        new Reason.Unattributed("no such socket"),
        new Reason.BridgeUnavailable("silent"),
        new Reason.Unmediated(),
        new Reason.DeniedByHand("INC-2"),
        new Reason.BadProvenance("stale"),
        new Reason.UnknownReporter("nobody"),
        new Reason.Malformed("port 0"),
        new Reason.Overloaded(),
        new Reason.Deadline(),
        new Reason.Internal());
  }

  private static CheckRecord record(@Nullable Flow flow, Decision decision) {
    return new CheckRecord(
        "d:0123456789abcdef",
        "0af7651916cd43dd8448eb211c80319c",
        NOON.plusNanos(7),
        Shop.CHECKOUT_ID,
        CHECKOUT,
        IpAddress.parse("10.88.1.2"),
        flow,
        decision,
        true,
        false,
        true);
  }

  private static CheckRecord readBack(CheckRecord answered) {
    return CheckRecordJson.read(CheckRecordJson.write(answered), KNOWN::get);
  }

  @Test
  void reasons_areAllOfThem() {
    assertThat(reasons().stream().map(Object::getClass).distinct())
        .containsExactlyInAnyOrder(Reason.class.getPermittedSubclasses());
  }

  @ParameterizedTest
  @MethodSource("reasons")
  void record_denied_isReadAsItWasWritten(Reason reason) {
    var denied =
        record(
            flow(database(), CURL, PAYMENTS),
            new Decision(
                new Verdict.Deny(EDGE, reason),
                new Verdict.Deny(null, reason),
                Mode.ENFORCE,
                "bl:1",
                CURL));

    assertThat(readBack(denied)).isEqualTo(denied);
  }

  @Test
  void record_ofEveryShape_isReadAsItWasWritten() {
    var script =
        Shop.candidate(
            "/usr/bin/python3",
            null,
            Origin.UNKNOWN,
            EntryKind.SCRIPT,
            new Script("/app/run.py", SCRIPT_HASH, Origin.MOUNT, true),
            Set.of(Shop.CHECKOUT_ID));
    var allowed = new Decision(new Verdict.Allow(null), null, Mode.OBSERVE, null, null);
    for (var one :
        List.of(
            record(null, allowed),
            record(Shop.unattributed(), allowed),
            record(
                new Flow(
                    Shop.CHECKOUT_ID,
                    new Attribution.BridgeUnavailable("none"),
                    new Resolved(database().destination(), "says another")),
                allowed),
            record(
                flow(database(), script),
                new Decision(
                    new Verdict.Allow(EDGE),
                    new Verdict.Allow(null),
                    Mode.SHADOW,
                    "bl:2",
                    script)))) {
      assertThat(readBack(one)).isEqualTo(one);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          "id":"d:0123456789abcdef"       | "id":"d:0123"               | id: not as
          "owner":"shop/deployment/checkout" | "owner":"shop/deployment/catalog" | (expected: a known workload)
          "spiffeId":"spiffe://dev.kith.local/ns/shop/sa/checkout" | "spiffeId":"spiffe://dev.kith.local/ns/shop/sa/catalog" | flow.spiffeId: spiffe://dev.kith.local/ns/shop/sa/catalog
          "code":"new_process"            | "code":"old_process"        | reason.code: unknown
          "verdict":"deny"                | "verdict":"maybe"           | verdict: unknown
          "kind":"attributed"             | "kind":"guessed"            | attribution.kind: unknown
          "late":true                     | "late":true,"more":1        | more: unknown
          "time":"2026                    | "time":"2O26                | time:
          "port":5432                     | "port":65536                | port: 65536
          """)
  void record_altered_isRefused(String from, String to, String why) {
    var text =
        CheckRecordJson.write(
            record(
                flow(database(), CURL),
                new Decision(
                    new Verdict.Deny(null, new Reason.NewProcess()),
                    null,
                    Mode.ENFORCE,
                    "bl:1",
                    CURL)));
    assertThat(text).contains(from);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> CheckRecordJson.read(text.replace(from, to), KNOWN::get))
        .withMessageContaining(why);
  }

  private static CheckRecord denied() {
    return Shop.answered(Snapshot.observing(), flow(database(), CURL), NOON);
  }

  private static Answer answer(String server, CheckRecord... decisions) {
    return answer(server, 0, 0, decisions);
  }

  private static Answer answer(String server, long next, long missed, CheckRecord... decisions) {
    return new Answer(
        server,
        CHECKOUT.owner()::equals,
        new Remembered(
            List.of(decisions).stream().map(CheckRecordJson::write).toList(), next, missed));
  }

  private final List<Question> asked = new ArrayList<>();

  private void thereAre(Answers answers) {
    others.ask(
        (_, question) -> {
          asked.add(question.apply("a"));
          return answers;
        });
  }

  @Test
  void bring_ofOneCheckServer_isFoundByItsIdAndAmongTheLatestNowhere() throws Exception {
    var decision = denied();
    thereAre(new Answers(List.of(answer("a"), answer("b", decision)), 3, List.of("c")));

    var found = others.bring(decision.decisionId());

    assertThat(found).isEqualTo(new OtherDecisions.Found(decision, "b"));
    assertThat(log.find(decision.decisionId())).isEqualTo(decision);
    assertThat(log.latest(null, false, 10)).isEmpty();
    assertThat(asked).containsExactly(new Question(decision.decisionId(), null, false, 1));
  }

  @Test
  void bring_ofThisServer_asksNobody() throws Exception {
    var decision = denied();
    log.add(decision);
    thereAre(new Answers(List.of(), 1, List.of("c")));

    assertThat(others.bring(decision.decisionId()))
        .isEqualTo(new OtherDecisions.Found(decision, ""));
    assertThat(others.bring("an edge")).isNull();
    assertThat(asked).isEmpty();
  }

  @Test
  void bring_claimedByTwo_isRefused() {
    var decision = denied();
    thereAre(new Answers(List.of(answer("a", decision), answer("b", decision)), 2, List.of()));

    assertThatThrownBy(() -> others.bring(decision.decisionId()))
        .hasMessageContaining("is claimed by a, b, so not all of them tell the truth");
    assertThat(log.find(decision.decisionId())).isNull();
  }

  @Test
  void bring_anotherDecisionThanAskedFor_orOfAWorkloadThatIsNotHeld_isNotUsed() {
    var decision = denied();
    var notHeld = Shop.answered(CATALOG, Snapshot.observing(), flow(database(), CURL), NOON, false);
    thereAre(
        new Answers(
            List.of(
                answer("a", denied()),
                new Answer(
                    "b",
                    _ -> false,
                    new Remembered(List.of(CheckRecordJson.write(decision)), 0, 0)),
                answer("c", notHeld),
                new Answer(
                    "d", _ -> true, new Remembered(List.of("{", "x".repeat(300_000)), 0, 0))),
            6,
            List.of("e", "f")));

    assertThatThrownBy(() -> others.bring(decision.decisionId()))
        .hasMessageContaining("not remembered, here or by 4 check servers that follow this server")
        .hasMessageContaining("did not answer within a second: e, f");
    assertThatThrownBy(() -> others.bring(notHeld.decisionId()))
        .isInstanceOf(RefusedException.class);
  }

  @Test
  void latest_ofAll_isNewestFirst() throws Exception {
    var own = Shop.answered(Snapshot.observing(), flow(database(), CURL), NOON.plusSeconds(2));
    var first = Shop.answered(Snapshot.observing(), flow(database(), CURL), NOON.plusSeconds(1));
    var last = Shop.answered(Snapshot.observing(), flow(database(), CURL), NOON.plusSeconds(3));
    log.add(own);
    thereAre(new Answers(List.of(answer("a", last, first)), 2, List.of("b")));

    var latest = others.latest(new Wanted(null, false), 2);

    assertThat(latest.decisions())
        .containsExactly(new OtherDecisions.Found(last, "a"), new OtherDecisions.Found(own, ""));
    assertThat(latest.asked()).isEqualTo(2);
    assertThat(latest.silent()).containsExactly("b");
  }

  /** An older check server answers with all it has. */
  @Test
  void latest_ofAReasonAndTime_isAskedOfAll_andAnAnswerWithMoreIsCut() throws Exception {
    var denial =
        record(
            flow(database(), CURL),
            new Decision(new Deny(null, new Reason.NewProcess()), null, Mode.ENFORCE, "r7", null));
    thereAre(new Answers(List.of(answer("a", denial, deniedAt(1))), 1, List.of()));
    var wanted = new Wanted(null, false, "new_process", NOON);

    var latest = others.latest(wanted, 9);

    assertThat(asked).containsExactly(new Question(null, wanted, 9, null));
    assertThat(latest.decisions()).containsExactly(new OtherDecisions.Found(denial, "a"));
    assertThat(others.latest(new Wanted(null, true, null, NOON.plusSeconds(9)), 9).decisions())
        .isEmpty();
  }

  @Test
  void reasonsThatMayBeAskedFor_areAllOfThem() {
    assertThat(reasons())
        .allSatisfy(
            reason ->
                assertThat(new Wanted(null, true, reason.code(), null).reason())
                    .isEqualTo(reason.code()));
    assertThatThrownBy(() -> new Wanted(null, true, "new_proces", null))
        .hasMessageStartingWith("reason: 'new_proces' (expected: one of bad_provenance, ")
        .hasMessageEndingWith(", unmediated)")
        .satisfies(
            e ->
                assertThat(String.valueOf(e.getMessage()).split(", "))
                    .hasSize(Reason.class.getPermittedSubclasses().length));
  }

  private static CheckRecord deniedAt(int second) {
    return Shop.answered(Snapshot.observing(), flow(database(), CURL), NOON.plusSeconds(second));
  }

  @Test
  void follow_newsOfAll_areOldestFirst_andEachIsAskedFromItsOwnPlace() throws Exception {
    var first = deniedAt(1);
    var second = deniedAt(2);
    var third = deniedAt(3);
    var fourth = deniedAt(4);
    var follower = others.follow(CHECKOUT.owner(), true, 2, NOON.plusSeconds(2));
    thereAre(
        new Answers(
            List.of(answer("a", 7, 90, first, third), answer("b", 20, 0, second)),
            3,
            List.of("c")));

    var news = follower.next(100);

    assertThat(news.decisions())
        .extracting(OtherDecisions.Found::decision)
        .containsExactly(first, second, third);
    assertThat(news.missed()).as("of what was before").isZero();
    assertThat(news.silent()).containsExactly("c");

    thereAre(new Answers(List.of(answer("a", 12, 4, fourth)), 1, List.of()));
    news = follower.next(100);

    assertThat(news.decisions()).containsExactly(new OtherDecisions.Found(fourth, "a"));
    assertThat(news.missed()).isEqualTo(4);
    assertThat(asked)
        .containsExactly(
            new Question(null, CHECKOUT.owner(), true, 2, 0L),
            new Question(null, CHECKOUT.owner(), true, 100, 7L));
  }

  @Test
  void follow_fromNowOn_tellsNothingOfBefore() throws Exception {
    var follower = others.follow(null, false, 0, NOON.plusSeconds(2));
    thereAre(new Answers(List.of(answer("a", 7, 6, denied())), 1, List.of()));

    assertThat(follower.next(100)).isEqualTo(new OtherDecisions.News(List.of(), 0, List.of()));
    assertThat(asked).containsExactly(new Question(null, null, false, 1, 0L));
  }

  @Test
  void follow_serverThatComesLater_tellsWhatItDecidedSinceItIsFollowed() throws Exception {
    var follower = others.follow(null, false, 10, NOON.plusSeconds(2));
    thereAre(new Answers(List.of(), 0, List.of()));
    assertThat(follower.next(100).decisions()).isEmpty();

    var first = deniedAt(2);
    thereAre(new Answers(List.of(answer("a", 7, 6, deniedAt(1), first)), 1, List.of()));
    var news = follower.next(100);
    assertThat(news.decisions()).containsExactly(new OtherDecisions.Found(first, "a"));
    assertThat(news.missed()).isZero();
    var next = deniedAt(1); // its clock is a little behind
    thereAre(new Answers(List.of(answer("a", 8, 0, next)), 1, List.of()));
    assertThat(follower.next(100).decisions()).containsExactly(new OtherDecisions.Found(next, "a"));
  }

  @Test
  void follow_serverThatStartedAnew_isFollowedFromItsBegin() throws Exception {
    var follower = others.follow(null, false, 0, NOON.plusSeconds(2));
    thereAre(new Answers(List.of(answer("a", 700, 0)), 1, List.of()));
    var _ = follower.next(100);

    thereAre(new Answers(List.of(answer("a", 2, 0)), 1, List.of()));
    assertThat(follower.next(100).decisions()).isEmpty();
    var first = denied();
    thereAre(new Answers(List.of(answer("a", 2, 0, first)), 1, List.of()));
    assertThat(follower.next(100).decisions())
        .containsExactly(new OtherDecisions.Found(first, "a"));
    assertThat(asked).extracting(Question::from).containsExactly(0L, 700L, 0L);
  }

  @Test
  void follow_serverThatKnowsNoPlaces_isNamedAsSilent() throws Exception {
    var follower = others.follow(null, false, 10, NOON.plusSeconds(2));
    thereAre(new Answers(List.of(answer("a", denied())), 1, List.of()));

    assertThat(follower.next(100)).isEqualTo(new OtherDecisions.News(List.of(), 0, List.of("a")));
  }

  @Test
  void answer_fromAPlace_tellsWhatCameSinceAndWhereItGoesOn() {
    var question = new Question(null, null, false, 2, 0L);
    assertThat(others.answer(question)).isEqualTo(new Remembered(List.of(), 1, 0));
    var all = List.of(deniedAt(1), deniedAt(2), deniedAt(3));
    all.forEach(log::add);

    var answer = others.answer(question);

    assertThat(answer.decisions())
        .containsExactly(CheckRecordJson.write(all.get(1)), CheckRecordJson.write(all.get(2)));
    assertThat(answer.next()).isEqualTo(4);
    assertThat(answer.missed()).isEqualTo(1);
    assertThat(others.answer(new Question(null, null, false, 2, 4L)))
        .isEqualTo(new Remembered(List.of(), 4, 0));
    assertThat(others.answer(new Question(null, null, false, 2, 3L)).decisions())
        .containsExactly(CheckRecordJson.write(all.getLast()));
  }

  @Test
  void adopted_beyondAThousand_forgetsTheOldest() {
    var first = denied();
    log.adopt(first);
    for (var i = 0; i < 1_000; i++) {
      log.adopt(denied());
    }

    assertThat(log.find(first.decisionId())).isNull();
  }

  // denials on their way

  private static io.kith.baselines.change.BlastRadiusGuard.Denial denial(java.time.Instant at) {
    return new io.kith.baselines.change.BlastRadiusGuard.Denial(
        CURL, database().destination(), new Reason.NewProcess(), "10.88.1.2", 1, at);
  }

  @Test
  void denials_areCounted_andHandedOutOnce() {
    var denials = new FleetDenials();
    var pod = IpAddress.parse("10.88.1.2");
    denials.add(CHECKOUT.owner(), "bl:1", pod, denial(NOON));
    denials.add(CHECKOUT.owner(), "bl:1", pod, denial(NOON.plusSeconds(1)));
    denials.add(CHECKOUT.owner(), "bl:2", pod, denial(NOON));

    var taken = denials.take(NOON.plusSeconds(2));

    assertThat(taken).map(FleetDenial::revision).containsExactly("bl:1", "bl:2");
    assertThat(taken).map(FleetDenial::count).containsExactly(2L, 1L);
    var first = taken.getFirst();
    assertThat(FleetDenial.read(CHECKOUT.owner(), "bl:1", pod, 2, first.body())).isEqualTo(first);
    assertThat(denials.take(NOON.plusSeconds(2))).isEmpty();
  }

  @Test
  void denials_thatNobodyFetches_goAfterAMinute_andAreBounded() {
    var denials = new FleetDenials();
    var pod = IpAddress.parse("10.88.1.2");
    denials.add(CHECKOUT.owner(), "bl:1", pod, denial(NOON));
    assertThat(denials.take(NOON.plusSeconds(60))).isEmpty();

    for (var i = 0; i <= FleetDenials.MAX; i++) {
      denials.add(CHECKOUT.owner(), "bl:" + i, pod, denial(NOON));
    }
    assertThat(denials.take(NOON))
        .hasSize(FleetDenials.MAX)
        .first()
        .matches(one -> one.revision().equals("bl:1"));
  }
}
