package io.kith.server.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** With a real API server it is tested beside Istio. */
class ThrottlingTest {
  private static final Instant BEGIN = Instant.parse("2026-11-27T20:00:00Z");

  private Instant now = BEGIN;
  private final Throttling throttling = new Throttling(() -> now);

  private void refusedAfter(Duration pause) {
    now = now.plus(pause);
    throttling.refused();
  }

  private void answeredAfter(Duration pause) {
    now = now.plus(pause);
    throttling.succeeded();
  }

  @Test
  void refused_forAMoment_isNothing() {
    refusedAfter(Duration.ZERO);
    refusedAfter(Duration.ofMillis(1_900));

    assertThat(throttling.since()).isNull();
  }

  @Test
  void refused_nowAndLongAgo_isNothing() {
    refusedAfter(Duration.ZERO);
    refusedAfter(Duration.ofSeconds(31));

    assertThat(throttling.since()).isNull();
  }

  @Test
  void refused_forLonger_isSoSinceTheFirst_andUntilAnAnswer() {
    refusedAfter(Duration.ZERO);
    refusedAfter(Duration.ofSeconds(2));
    now = now.plus(Duration.ofHours(1));
    assertThat(throttling.since()).isEqualTo(BEGIN);

    answeredAfter(Duration.ZERO);
    assertThat(throttling.since()).isNull();
  }

  @Test
  void answered_betweenRefusals_doesNotEndIt() {
    refusedAfter(Duration.ZERO);
    answeredAfter(Duration.ofSeconds(1));
    refusedAfter(Duration.ofSeconds(1));
    answeredAfter(Duration.ofSeconds(1));
    assertThat(throttling.since()).isEqualTo(BEGIN);

    refusedAfter(Duration.ofSeconds(8));
    answeredAfter(Duration.ofSeconds(9));
    assertThat(throttling.since()).isEqualTo(BEGIN);

    answeredAfter(Duration.ofSeconds(2));
    assertThat(throttling.since()).isNull();
  }

  @Test
  void refused_afterItEnded_isSoSinceThen() {
    refusedAfter(Duration.ZERO);
    refusedAfter(Duration.ofSeconds(2));
    answeredAfter(Duration.ofMinutes(1));
    refusedAfter(Duration.ofMinutes(1));
    var again = now;
    refusedAfter(Duration.ofSeconds(3));

    assertThat(throttling.since()).isEqualTo(again);
  }
}
