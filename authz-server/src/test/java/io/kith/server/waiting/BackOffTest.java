package io.kith.server.waiting;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class BackOffTest {
  private final BackOff backOff = new BackOff(Duration.ofSeconds(1), Duration.ofSeconds(5));

  private void assertNextIsUpTo(Duration ceiling) {
    assertThat(backOff.next()).isBetween(ceiling.dividedBy(2), ceiling);
  }

  @Test
  void next_doublesUpToTheLimit_untilReset() {
    assertNextIsUpTo(Duration.ofSeconds(1));
    assertNextIsUpTo(Duration.ofSeconds(2));
    assertNextIsUpTo(Duration.ofSeconds(4));
    assertNextIsUpTo(Duration.ofSeconds(5));
    assertNextIsUpTo(Duration.ofSeconds(5));

    backOff.reset();

    assertNextIsUpTo(Duration.ofSeconds(1));
  }
}
