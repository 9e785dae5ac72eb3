package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.server.check.NodeBridges.State;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class NodeBridgesTest {
  private static final Instant NOON = Instant.parse("2027-01-01T12:00:00Z");

  private final NodeBridges bridges = new NodeBridges();

  @Test
  void elsewhere_theLatestCounts() {
    bridges.said(new State("a", "no guard", NOON.plusSeconds(1)));
    bridges.elsewhere(new State("a", "", NOON), NOON.plusSeconds(2));

    assertThat(bridges.of("a")).isEqualTo(new State("a", "no guard", NOON.plusSeconds(1)));
    assertThat(bridges.of("b")).isNull();
    bridges.elsewhere(new State("a", "", NOON.plusSeconds(2)), NOON.plusSeconds(2));
    assertThat(bridges.of("a")).isEqualTo(new State("a", "", NOON.plusSeconds(2)));
    bridges.elsewhere(new State("a", "", NOON.plusSeconds(60)), NOON.plusSeconds(3));
    assertThat(bridges.of("a")).isEqualTo(new State("a", "", NOON.plusSeconds(3)));
  }

  /** It was ignored for as long as the clock had been set back. */
  @Test
  void said_afterTheClockWasSetBack_counts() {
    bridges.said(new State("a", "", NOON.plus(Duration.ofMinutes(40))));
    bridges.said(new State("b", "", NOON.plus(Duration.ofMinutes(40))));

    bridges.said(new State("a", "no guard", NOON));
    bridges.elsewhere(new State("b", "no guard", NOON.minusMillis(1)), NOON);

    assertThat(bridges.of("a")).isEqualTo(new State("a", "no guard", NOON));
    assertThat(bridges.of("b")).isEqualTo(new State("b", "no guard", NOON.minusMillis(1)));
  }

  @Test
  void forget_afterTheClockWasSetBack_leavesWhoDoesNotSpeakAnyMoreRecentForAWhileOnly() {
    bridges.said(new State("a", "", NOON.plus(Duration.ofMinutes(40))));

    bridges.forget(Duration.ofHours(1), NOON);

    assertThat(bridges.recent(NOON.plus(NodeBridges.RECENT))).hasSize(1);
    assertThat(bridges.recent(NOON.plus(NodeBridges.RECENT).plusMillis(1))).isEmpty();
  }

  @Test
  void after_isWhatWasHeardSince_inOrderAndNotMoreThanAsked() {
    bridges.said(new State("a", "", NOON));
    bridges.said(new State("b", "", NOON));
    bridges.said(new State("c", "", NOON));

    var first = bridges.after(0, 2);
    assertThat(first.states()).extracting(State::node).containsExactly("a", "b");
    bridges.said(new State("a", "", NOON.plusSeconds(30)));
    var second = bridges.after(first.version(), 10);
    assertThat(second.states()).extracting(State::node).containsExactly("c", "a");
    assertThat(bridges.after(second.version(), 10).states()).isEmpty();
  }

  @Test
  void recent_isWhoSpokeInTheLast90Seconds_byNode() {
    bridges.said(new State("c", "no guard", NOON));
    bridges.said(new State("a", "", NOON.plusSeconds(1)));
    bridges.said(new State("b", "", NOON.minusMillis(1)));

    assertThat(bridges.recent(NOON.plus(NodeBridges.RECENT)))
        .extracting(State::node)
        .containsExactly("a", "c");
  }

  @Test
  void forget_leavesThoseThatSpokeSince() {
    bridges.said(new State("a", "", NOON));
    bridges.said(new State("b", "", NOON.plusSeconds(1)));

    bridges.forget(Duration.ofSeconds(1), NOON.plusSeconds(2));

    assertThat(bridges.of("a")).isNull();
    assertThat(bridges.of("b")).isNotNull();
  }

  @Test
  void state_ofNoNode_isRefused() {
    assertThatThrownBy(() -> new State("", "", NOON))
        .hasMessage("node: 0 characters (expected: 1 to 253)");
    assertThatThrownBy(() -> new State("a".repeat(254), "", NOON))
        .hasMessage("node: 254 characters (expected: 1 to 253)");
  }
}
