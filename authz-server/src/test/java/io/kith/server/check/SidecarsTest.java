package io.kith.server.check;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SidecarsTest {
  private static final IpAddress POD = IpAddress.parse("10.88.1.2");
  private static final IpAddress OTHER = IpAddress.parse("10.88.1.3");

  private final Sidecars.Connection connection = new Sidecars.Connection();
  private Instant now = Instant.parse("2027-01-01T00:00:00Z");
  private final Sidecars sidecars = new Sidecars(() -> now);

  private Sidecars.State pod() {
    return requireNonNull(sidecars.of(POD), "the pod asked");
  }

  private void pass(Duration time) {
    now = now.plus(time);
  }

  @Test
  void of_aPodThatDidNotSay_isNull() {
    sidecars.said(connection, POD, "");

    assertThat(sidecars.of(POD)).isNull();
  }

  @Test
  void isClosed_onceNoCheckWasFromAnOpenFilterForAWhile() {
    sidecars.said(connection, POD, "open");
    pass(Duration.ofMinutes(1));
    sidecars.said(connection, POD, "closed");

    assertThat(pod().isClosed(now)).isFalse();
    pass(Sidecars.SETTLED.minusMillis(1));
    assertThat(pod().isClosed(now)).isFalse();
    pass(Duration.ofMillis(1));
    assertThat(pod().isClosed(now)).isTrue();
  }

  @Test
  void isClosed_whileAnOldConnectionStillAsksThroughTheOpenFilter_isFalse() {
    var second = new Sidecars.Connection();
    sidecars.said(connection, POD, "open");
    sidecars.said(second, POD, "closed");
    pass(Sidecars.SETTLED);
    sidecars.said(connection, POD, "open");

    assertThat(pod().isClosed(now)).isFalse();
    sidecars.said(second, POD, "closed");
    pass(Sidecars.SETTLED);
    assertThat(pod().isClosed(now)).isTrue();
  }

  @Test
  void isClosed_aFloorIsOneToo_andAnUnknownWordIsNot() {
    sidecars.said(connection, POD, "floor");
    sidecars.said(new Sidecars.Connection(), OTHER, "ajar");
    pass(Sidecars.SETTLED);

    assertThat(pod().isClosed(now)).isTrue();
    assertThat(sidecars.of(OTHER)).isNotNull();
  }

  @Test
  void said_aNewConnection_isHeardOfAndChangesNothing() {
    sidecars.said(connection, POD, "closed");
    pass(Duration.ofMinutes(1));
    sidecars.said(new Sidecars.Connection(), POD, "closed");

    assertThat(pod().asked()).isEqualTo(now);
    assertThat(pod().isClosed(now)).isTrue();
  }

  @Test
  void after_hasWhatChangedSince() {
    sidecars.said(connection, POD, "open");
    sidecars.said(new Sidecars.Connection(), OTHER, "closed");
    var first = sidecars.after(0, 1);
    pass(Duration.ofSeconds(1));
    sidecars.said(connection, POD, "open");
    var second = sidecars.after(first.version(), 10);
    sidecars.said(connection, POD, "open");
    var none = sidecars.after(second.version(), 10);
    sidecars.said(connection, POD, "closed");
    var changed = sidecars.after(none.version(), 10);

    assertThat(first.states()).extracting(Sidecars.State::pod).containsExactly(POD);
    assertThat(second.states()).extracting(Sidecars.State::pod).containsExactly(OTHER, POD);
    assertThat(none.states()).isEmpty();
    assertThat(changed.states()).containsExactly(pod());
  }

  @Test
  void elsewhere_theNewerCounts() {
    sidecars.said(connection, POD, "closed");
    var older = now.minusSeconds(1);
    sidecars.elsewhere(new Sidecars.State(POD, true, older, older));
    assertThat(pod().open()).isFalse();

    pass(Duration.ofSeconds(1));
    sidecars.elsewhere(new Sidecars.State(POD, true, now, now));
    assertThat(pod().open()).isTrue();

    // What this server heard last it hears anew, although it is what it heard before.
    sidecars.said(connection, POD, "closed");
    assertThat(pod().open()).isFalse();
  }

  @Test
  void outdate_passesForOpenUntilACheckSaysOtherwise() {
    sidecars.said(connection, POD, "closed");
    pass(Duration.ofMinutes(1));
    var before = sidecars.after(0, 10).version();

    sidecars.outdate(POD);
    sidecars.outdate(OTHER);
    assertThat(sidecars.isNews(connection, POD, "open")).isTrue();

    assertThat(sidecars.of(OTHER)).as("did not say").isNull();
    assertThat(pod()).isEqualTo(new Sidecars.State(POD, true, now, now));
    assertThat(sidecars.after(before, 10).states()).as("told to others").containsExactly(pod());
    sidecars.said(connection, POD, "closed");
    pass(Sidecars.SETTLED);
    assertThat(pod().isClosed(now)).isTrue();
  }

  @Test
  void whenOpened_isToldOfEachThatWasClosed_andOfNoOther() {
    var told = new ArrayList<IpAddress>();
    sidecars.whenOpened(told::add);
    sidecars.said(connection, POD, "closed");
    sidecars.said(new Sidecars.Connection(), OTHER, "open");
    sidecars.outdate(OTHER);
    assertThat(told).isEmpty();

    sidecars.outdate(POD);
    assertThat(told).containsExactly(POD);
    sidecars.outdate(POD);
    sidecars.said(connection, POD, "closed");
    sidecars.elsewhere(new Sidecars.State(POD, true, now, now));
    assertThat(told).containsExactly(POD, POD);
  }

  @Test
  void saysOpen_onceItSaidSoTwice_andNotByWhatIsOutdated() {
    sidecars.said(connection, POD, "open");
    assertThat(pod().saysOpen()).isFalse();
    pass(Duration.ofSeconds(1));
    sidecars.said(connection, POD, "open");
    assertThat(pod().saysOpen()).isTrue();

    sidecars.outdate(POD);
    assertThat(pod().saysOpen()).isFalse();
    pass(Duration.ofSeconds(1));
    sidecars.elsewhere(new Sidecars.State(POD, true, now, now)); // where it is outdated too
    assertThat(pod().saysOpen()).isFalse();
    pass(Duration.ofSeconds(1));
    sidecars.said(connection, POD, "open");
    assertThat(pod().saysOpen()).isTrue();
  }

  @Test
  void again_hasItAmongWhatWasHeardLast() {
    sidecars.said(connection, POD, "closed");
    var before = sidecars.after(0, 10).version();

    sidecars.again(POD);
    sidecars.again(OTHER);

    assertThat(sidecars.after(before, 10).states()).containsExactly(pod());
  }

  @Test
  void elsewhere_closedForLongBeforeItWasOpen_isClosedSinceThenOnly() {
    sidecars.said(connection, POD, "open");
    var opened = now;
    pass(Duration.ofSeconds(1));

    sidecars.elsewhere(new Sidecars.State(POD, false, now, now.minusSeconds(60)));

    assertThat(pod()).isEqualTo(new Sidecars.State(POD, false, now, opened));
  }

  /** It was ignored for as long as the clock had been set back. */
  @Test
  void said_afterTheClockWasSetBack_counts() {
    pass(Duration.ofMinutes(40));
    sidecars.said(connection, POD, "closed");
    pass(Duration.ofMinutes(-40));

    sidecars.said(connection, POD, "open");
    assertThat(pod().open()).isTrue();

    sidecars.said(connection, POD, "closed");
    pass(Sidecars.SETTLED);
    assertThat(pod().isClosed(now)).isTrue();
  }

  @Test
  void elsewhere_afterTheClockWasSetBack_openCountsAtOnce_andClosedOnceItIsNewer() {
    pass(Duration.ofMinutes(40));
    sidecars.said(connection, POD, "open");
    sidecars.said(new Sidecars.Connection(), OTHER, "closed");
    pass(Duration.ofMinutes(-40));
    var told = now.minusMillis(1);

    sidecars.elsewhere(new Sidecars.State(POD, false, told, told));
    sidecars.elsewhere(new Sidecars.State(OTHER, true, told, told));
    assertThat(pod().open()).isTrue();
    assertThat(requireNonNull(sidecars.of(OTHER)).open()).isTrue();

    pass(Duration.ofMillis(1));
    sidecars.elsewhere(new Sidecars.State(POD, false, now, now));
    assertThat(pod().open()).isFalse();
  }

  @Test
  void elsewhere_ofLaterThanNow_isOfNow() {
    var later = now.plusSeconds(60);
    sidecars.elsewhere(new Sidecars.State(POD, false, later, later));

    assertThat(pod()).isEqualTo(new Sidecars.State(POD, false, now, now));
  }

  @Test
  void retain_forgetsAndHearsAnew() {
    sidecars.said(connection, POD, "closed");
    sidecars.retain(List.of(OTHER)::contains);
    assertThat(sidecars.of(POD)).isNull();

    sidecars.said(connection, POD, "closed");
    assertThat(pod().open()).isFalse();
  }
}
