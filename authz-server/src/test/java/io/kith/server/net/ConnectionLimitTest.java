package io.kith.server.net;

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

  @Test
  void admits_oneMore_endsTheEldestOnWhichNobodyWasRecognized() {
    assertThat(limit.admits(eldest)).isTrue();
    assertThat(limit.admits(second)).isTrue();
    limit.recognized(eldest);

    assertThat(limit.admits(third)).isTrue();

    assertThat(isOpen(eldest)).isTrue();
    assertThat(isOpen(second)).isFalse();
    assertThat(isOpen(third)).isTrue();
  }

  @Test
  void admits_whereAllAreRecognized_closesTheNewOne_untilOneIsClosed() {
    assertThat(limit.admits(eldest)).isTrue();
    assertThat(limit.admits(second)).isTrue();
    limit.recognized(eldest);
    limit.recognized(second);

    assertThat(limit.admits(third)).isFalse();

    assertThat(isOpen(third)).isFalse();
    assertThat(eldest.close().isSuccess()).isTrue();
    assertThat(limit.admits(new EmbeddedChannel())).isTrue();
    assertThat(isOpen(second)).isTrue();
  }

  /** It is told again and again, also of a connection that is closed meanwhile. */
  @Test
  void recognized_onAClosedConnection_keepsNoPlace() {
    assertThat(limit.admits(eldest)).isTrue();
    assertThat(eldest.close().isSuccess()).isTrue();

    limit.recognized(eldest);

    assertThat(limit.admits(second)).isTrue();
    assertThat(limit.admits(third)).isTrue();
    assertThat(isOpen(second)).isTrue();
  }
}
