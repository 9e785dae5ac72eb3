package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Rung;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class KnownConnectionTest {
  private static final long ANSWERED = 42;
  private static final Duration KEPT = Duration.ofSeconds(1);
  private static final Decision ALLOWED = decision(Mode.ENFORCE, null);
  private static final Resolved DATABASE = destination(5432, null);

  private final KnownConnection known =
      new KnownConnection(new Attribution.Unattributed(Rung.NONE, List.of()), ANSWERED);

  private static Decision decision(Mode mode, @Nullable Verdict shadow) {
    return new Decision(new Verdict.Allow(null), shadow, mode, null, null);
  }

  private static Resolved destination(int port, @Nullable String cluster) {
    return new DestinationFacts(
            IpAddress.parse("10.88.2.10"), port, Protocol.TCP, cluster, null, null, Set.of())
        .resolve(Samples.directory());
  }

  private void tellInFull() {
    known.note(DATABASE);
    for (var i = 0; i < 4; i++) {
      assertThat(known.isRoutine(ALLOWED)).as("answer %s", i).isFalse();
    }
    assertThat(known.isRoutine(ALLOWED)).isTrue();
  }

  @Test
  void isRoutine_beforeADestinationIsNoted_isFalse() {
    for (var i = 0; i < 9; i++) {
      assertThat(known.isRoutine(ALLOWED)).isFalse();
    }
  }

  @Test
  void isRoutine_afterADenial_isFalseAgain() {
    tellInFull();

    assertThat(
            known.isRoutine(
                new Decision(
                    new Verdict.Deny(null, new Reason.Overloaded()),
                    null,
                    Mode.ENFORCE,
                    null,
                    null)))
        .isFalse();
    assertThat(known.isRoutine(ALLOWED)).isFalse();
  }

  @Test
  void isRoutine_whatWouldBeDenied_isFalse() {
    tellInFull();
    var wouldBe = decision(Mode.SHADOW, new Verdict.Deny(null, new Reason.Overloaded()));

    for (var i = 0; i < 9; i++) {
      assertThat(known.isRoutine(wouldBe)).isFalse();
    }
  }

  @Test
  void isRoutine_inAnotherMode_isFalse() {
    tellInFull();

    assertThat(known.isRoutine(decision(Mode.OBSERVE, null))).isFalse();
  }

  @Test
  void isRoutine_toAnotherDestination_isFalse() {
    tellInFull();
    known.note(destination(5433, null));

    assertThat(known.isRoutine(ALLOWED)).isFalse();
  }

  /** What is denied by that name has to be found again on the connection. */
  @Test
  void isRoutine_toTheSameDestinationByAnotherName_isFalse() {
    var named = destination(5432, "outbound|5432||orders-db.shop.svc.cluster.local");
    assertThat(named.destination()).isEqualTo(DATABASE.destination());
    tellInFull();

    assertThat(known.hasNoted(named)).isFalse();
    known.note(named);

    assertThat(known.isRoutine(ALLOWED)).isFalse();
  }

  private boolean isToBeAskedAgain(int millis) {
    return known.isToBeAskedAgain(ANSWERED + Duration.ofMillis(millis).toNanos(), KEPT);
  }

  @Test
  void isToBeAskedAgain_seldomUsed_isTrueWhenTheNextUseMayBeTooLate_once() {
    assertThat(isToBeAskedAgain(300)).as("the next one comes at 600, or 750").isFalse();
    assertThat(isToBeAskedAgain(600)).as("the next one comes at 900, or 1050").isTrue();
    assertThat(isToBeAskedAgain(900)).isFalse();
  }

  @Test
  void isToBeAskedAgain_oftenUsed_isTrueShortBeforeTheEnd() {
    for (var millis = 0; millis < 950; millis++) {
      assertThat(isToBeAskedAgain(millis)).as("at %s ms", millis).isFalse();
    }
    assertThat(isToBeAskedAgain(950)).isTrue();
  }

  @Test
  void answeredAgain_isTheSameWithANewTime_andNothingIsNoted() {
    tellInFull();
    assertThat(isToBeAskedAgain(950)).isTrue();
    var again = ANSWERED + Duration.ofMillis(960).toNanos();

    known.answeredAgain(again, false);

    assertThat(known.hasNoted(DATABASE)).isFalse();
    assertThat(known.isYoungerThan(KEPT, again + KEPT.toNanos() - 1)).isTrue();
    assertThat(known.isYoungerThan(KEPT, again + KEPT.toNanos())).isFalse();
    assertThat(isToBeAskedAgain(1_000)).isFalse();
    assertThat(isToBeAskedAgain(1_950)).isTrue();
    tellInFull();
    assertThat(known.hasNoted(DATABASE)).isTrue();
    assertThat(known.hasNoted(destination(5433, null))).isFalse();
  }
}
