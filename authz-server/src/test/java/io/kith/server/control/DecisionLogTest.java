package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Rung;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.Samples;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecisionLogTest {
  private static final Decision ALLOWED = decision(new Verdict.Allow(null));
  private static final Decision DENIED =
      decision(new Verdict.Deny(null, new Reason.UnknownReporter("nobody")));
  private static final Flow FLOW =
      new Flow(
          Samples.CHECKOUT,
          new Attribution.Unattributed(Rung.NONE, List.of("gone")),
          new DestinationFacts(
                  IpAddress.parse("10.88.2.10"), 5432, Protocol.TCP, null, null, null, Set.of())
              .resolve(Samples.directory()));

  private final DecisionLog log = new DecisionLog();

  private static Decision decision(Verdict applied) {
    return new Decision(applied, null, Mode.ENFORCE, "r7", null);
  }

  private static String id(int number) {
    return "d:%016x".formatted(0xfedc_ba98_0000_0000L + number);
  }

  private static CheckRecord record(String id, String trace, Decision decision) {
    return new CheckRecord(
        id,
        trace,
        Instant.parse("2026-11-28T12:00:00.123456789Z"),
        Samples.CHECKOUT,
        Samples.directory().at(IpAddress.parse(Samples.POD)),
        IpAddress.parse("fd00::1:2"),
        FLOW,
        decision,
        true);
  }

  private static CheckRecord record(int number, Decision decision) {
    return record(id(number), "00f0".repeat(8), decision);
  }

  /**
   * With ids such as this server makes, such as others may send, and such as only look like them.
   */
  @ParameterizedTest
  @CsvSource({
    "d:fedcba9876543210, 0123456789abcdef0123456789abcdef",
    "d:0000000000000000, 00000000000000000000000000000001",
    "d:FEDCBA9876543210, 0123456789abcdef0123456789abcdef",
    "d:fedcba9876543210, 0123456789ABCDEF0123456789ABCDEF",
    "d:fedcba987654321,  0123456789abcdef0123456789abcdef",
    "d:+edcba9876543210, 0123456789abcdef0123456789abcdef",
    "x, y"
  })
  void find_isWhatWasAdded(String id, String trace) {
    var added = record(id, trace, ALLOWED);
    log.add(added);

    assertThat(log.find(id)).isEqualTo(added);
    assertThat(log.own(id)).isEqualTo(added);
    assertThat(log.latest(null, false, 9)).containsExactly(added);
  }

  @Test
  void find_withNothingThatMayBeMissing_isWhatWasAdded() {
    var added =
        new CheckRecord(
            id(1),
            "0".repeat(32),
            Instant.EPOCH,
            null,
            null,
            null,
            null,
            DENIED,
            false,
            true,
            false);
    log.add(added);

    assertThat(log.find(id(1))).isEqualTo(added);
  }

  @Test
  void find_another_isNothing() {
    log.add(record("Aa", "y", ALLOWED));

    assertThat(log.find("BB")).as("an id with the same hash").isNull();
    assertThat(log.find(id(1))).isNull();
  }

  @ParameterizedTest
  @CsvSource({"d:fedcba9876543210, 0123456789abcdef0123456789abcdef", "x, y"})
  void add_late_completesItWhereItIs(String id, String trace) {
    var answered = record(id, trace, DENIED);
    log.add(answered);
    log.add(record(2, DENIED));
    var late = answered.late(FLOW, null);

    log.add(late);

    assertThat(log.find(id)).isEqualTo(late);
    assertThat(log.latest(null, true, 9)).containsExactly(record(2, DENIED), late);
  }

  @Test
  void add_lateOfNothing_isNothing() {
    log.add(record(1, DENIED).late(FLOW, null));

    assertThat(log.latest(null, false, 9)).isEmpty();
  }

  @Test
  void latest_isNewestFirst_ofAllKinds() {
    IntStream.range(0, 6).forEach(i -> log.add(record(i, i % 2 == 0 ? ALLOWED : DENIED)));

    assertThat(log.latest(null, false, 4))
        .extracting(CheckRecord::decisionId)
        .containsExactly(id(5), id(4), id(3), id(2));
    assertThat(log.latest(null, true, 2))
        .extracting(CheckRecord::decisionId)
        .containsExactly(id(5), id(3));
    assertThat(log.latest(Owner.parse("shop/deployment/other"), false, 9)).isEmpty();
  }

  @Test
  void latest_ofAReason_isWhatWasDeniedForIt_orWouldBe() {
    var unknown = new Verdict.Deny(null, new Reason.UnknownReporter("nobody"));
    var mayPass = new Decision(new Verdict.Allow(null), unknown, Mode.SHADOW, "r7", null);
    log.add(record(0, ALLOWED));
    log.add(record(1, DENIED));
    log.add(record(2, mayPass));
    log.add(record(3, decision(new Verdict.Deny(null, new Reason.Internal()))));

    assertThat(log.latest(new Wanted(null, false, "unknown_reporter", null), 9))
        .extracting(CheckRecord::decisionId)
        .containsExactly(id(2), id(1));
    assertThat(log.latest(new Wanted(null, true, "unknown_reporter", null), 9))
        .extracting(CheckRecord::decisionId)
        .containsExactly(id(1));
  }

  @Test
  void latest_sinceATime_isFromThenOn() {
    var answered = record(1, DENIED);
    log.add(answered);

    assertThat(log.latest(new Wanted(null, false, null, answered.time()), 9)).hasSize(1);
    assertThat(log.latest(new Wanted(null, false, null, answered.time().plusNanos(1)), 9))
        .isEmpty();
  }

  @Test
  void reach_isFromTheFirstThatIsLeft_onceSomeOfTheKindWereForgotten() {
    IntStream.range(0, 1_000).forEach(i -> log.add(record(i, ALLOWED)));
    assertThat(log.reach(new Wanted(null, false))).isNull();

    log.add(record(1_000, ALLOWED));

    assertThat(log.reach(new Wanted(null, false))).isEqualTo(record(1, ALLOWED).time());
    assertThat(log.reach(new Wanted(null, true))).as("no denial was").isNull();
    assertThat(log.reach(new Wanted(null, false, "internal", null))).isNull();
  }

  @Test
  void tail_goesOnWhereItWas_andSaysWhatIsForgotten() {
    IntStream.range(0, 1_003).forEach(i -> log.add(record(i, ALLOWED)));

    var all = log.tail(0, null, false, 5_000);
    assertThat(all.decisions()).hasSize(1_000).first().isEqualTo(record(3, ALLOWED));
    assertThat(all.missed()).isEqualTo(3);
    assertThat(all.next()).isEqualTo(1_004);

    log.add(record(5_000, DENIED));
    var more = log.tail(all.next(), null, false, 9);
    assertThat(more.decisions()).containsExactly(record(5_000, DENIED));
    assertThat(more.missed()).isZero();
  }

  @Test
  void add_moreOfOneKindThanThereIsRoomFor_pushesOutNoneOfAnother() {
    log.add(record(0, DENIED));
    IntStream.range(1, 5_000).forEach(i -> log.add(record(i, ALLOWED)));

    assertThat(log.find(id(0))).isNotNull();
    assertThat(log.find(id(3_999))).isNull();
    assertThat(log.find(id(4_000))).isNotNull();
  }
}
