package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SeenConnectionsTest {
  private static final Destination ORDERS = destination("shop/statefulset/orders-db");

  private long nanos = Long.MAX_VALUE - 1_000; // a clock that begins anywhere
  private final SeenConnections seen = new SeenConnections(() -> nanos);

  private static Destination destination(String name) {
    return new Destination(name, Evidence.OWNER, IpAddress.parse("10.88.2.10"), 5432, Protocol.TCP);
  }

  private static CheckFacts.Connection connection(String number, int port) {
    return new CheckFacts.Connection(
        CheckFacts.Layer.L4,
        Protocol.TCP,
        new SocketEnd(IpAddress.parse("10.88.1.2"), port),
        new SocketEnd(IpAddress.parse("10.88.2.10"), 5432),
        null,
        null,
        null,
        0,
        "node-1",
        number);
  }

  private boolean again(String number, int port) {
    return seen.again(Samples.CHECKOUT, connection(number, port), ORDERS);
  }

  @ParameterizedTest
  @ValueSource(strings = {"7", "", "not-a-number", "1234567890123456789012"})
  void again_sameConnection_isSeen(String number) {
    assertThat(again(number, 1234)).isFalse();
    assertThat(again(number, 1234)).isTrue();
    assertThat(again(number, 1234)).isTrue();
  }

  @Test
  void again_whateverElseDiffers_isAnother() {
    var _ = again("7", 1234);

    assertThat(again("8", 1234)).isFalse();
    assertThat(again("", 1234)).isFalse();
    assertThat(again("07x", 1234)).isFalse();
    assertThat(again("7", 1235)).isFalse();
    assertThat(
            seen.again(SpiffeId.parse(Samples.CHECKOUT + "-other"), connection("7", 1234), ORDERS))
        .isFalse();
    assertThat(
            seen.again(
                Samples.CHECKOUT, connection("7", 1234), destination("shop/statefulset/carts-db")))
        .isFalse();
    assertThat(again("7", 1234)).isTrue();
  }

  /** Names whose hashes are the same: whoever chooses them cannot have one taken for the other. */
  @Test
  void again_destinationsWithTheSameHash_areTwo() {
    var one = destination("Aa.example");
    var other = destination("BB.example");
    assertThat(one).hasSameHashCodeAs(other);

    assertThat(seen.again(Samples.CHECKOUT, connection("7", 1234), one)).isFalse();
    assertThat(seen.again(Samples.CHECKOUT, connection("7", 1234), other)).isFalse();
  }

  @Test
  void again_asLongAsItIsSeenEachFiveMinutes_isKnown() {
    var _ = again("7", 1234);
    for (var i = 0; i < 5; i++) {
      nanos += Duration.ofMinutes(4).toNanos();
      assertThat(again("7", 1234)).isTrue();
    }
    nanos += Duration.ofMinutes(5).plusNanos(1).toNanos();
    assertThat(again("7", 1234)).isFalse();
  }

  @Test
  void again_afterAHundredThousandOthers_isForgotten_unlessItWasSeenMeanwhile() {
    var _ = again("1", 1);
    var _ = again("2", 2);
    for (var i = 0; i < 300_000; i++) {
      if (i % 1_000 == 0) {
        assertThat(again("2", 2)).isTrue();
      }
      assertThat(again(Integer.toString(1_000 + i), 1 + i % 65_000)).isFalse();
    }
    assertThat(again("1", 1)).isFalse();
  }
}
