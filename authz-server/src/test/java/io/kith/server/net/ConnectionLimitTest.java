package io.kith.server.net;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.netty.shaded.io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

class ConnectionLimitTest {
  private final ConnectionLimit limit = new ConnectionLimit(2);
  private final EmbeddedChannel eldest = new EmbeddedChannel();
  private final EmbeddedChannel second = new EmbeddedChannel();
  private final EmbeddedChannel third = new EmbeddedChannel();

  private static boolean isOpen(EmbeddedChannel connection) {
    connection.runPendingTasks();
    return connection.isOpen();
  }

  private ConnectionLimit.Place admit(EmbeddedChannel connection) {
    return requireNonNull(limit.admit(connection), "no place");
  }

  @Test
  void admit_oneMore_endsTheEldestOnWhichNobodyWasRecognized() {
    var place = admit(eldest);
    place.waits();
    var _ = admit(second);
    place.recognized();

    var _ = admit(third);

    assertThat(isOpen(eldest)).isTrue();
    assertThat(isOpen(second)).isFalse();
    assertThat(isOpen(third)).isTrue();
  }

  @Test
  void admit_whereAllAreRecognizedAndNoneIsWaitedFor_closesTheNewOne_untilOneIsClosed() {
    admit(eldest).recognized();
    admit(second).recognized();

    assertThat(limit.admit(third)).isNull();

    assertThat(isOpen(third)).isFalse();
    assertThat(eldest.close().isSuccess()).isTrue();
    assertThat(limit.admit(new EmbeddedChannel())).isNotNull();
    assertThat(isOpen(second)).isTrue();
  }

  @Test
  void admit_whereAllAreRecognized_endsTheOneThatIsWaitedForLongest() {
    var first = admit(eldest);
    first.recognized();
    first.waits();
    var other = admit(second);
    other.recognized();
    other.waits();
    first.works();
    first.waits();

    var _ = admit(third);

    assertThat(isOpen(eldest)).isTrue();
    assertThat(isOpen(second)).isFalse();
  }

  /** It is told again and again, also of a connection that is closed meanwhile. */
  @Test
  void place_ofAClosedConnection_isNone() {
    var place = admit(eldest);
    assertThat(eldest.close().isSuccess()).isTrue();

    place.recognized();
    place.waits();

    var _ = admit(second);
    var _ = admit(third);
    assertThat(isOpen(second)).isTrue();
  }
}
