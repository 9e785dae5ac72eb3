package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StillKnownTest {
  private static final Status NO_KEYS = Status.UNAVAILABLE.withDescription("no keys");

  private final AdminServerTest.Expiring caller = new AdminServerTest.Expiring();
  private long now = Long.MAX_VALUE; // it may begin anywhere, and wraps
  private final StillKnown known =
      new StillKnown(caller, Attributes.EMPTY, new Metadata(), () -> now);

  private void later(Duration time) {
    now += time.toNanos();
  }

  private Status ended() {
    return catchThrowableOfType(StatusException.class, known::requireKnown).getStatus();
  }

  @Test
  void requireKnown_whileNobodyCanSay_passesForFiveMinutesSinceItWasSaidLast() {
    caller.end(NO_KEYS);
    later(Duration.ofMinutes(5).minusNanos(1));
    assertThatCode(known::requireKnown).doesNotThrowAnyException();

    caller.end(Status.OK);
    assertThatCode(known::requireKnown).doesNotThrowAnyException();
    caller.end(NO_KEYS);
    later(Duration.ofMinutes(5).minusNanos(1));
    assertThatCode(known::requireKnown).doesNotThrowAnyException();

    later(Duration.ofNanos(1));
    assertThat(ended().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(ended().getDescription())
        .isEqualTo("no keys; what was opened with it ends (open it again with what counts now)");
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"OK", "UNAVAILABLE"})
  void requireKnown_ofWhoeverIsRefused_endsAtOnce(Status.Code code) {
    caller.end(code.toStatus());

    assertThat(ended().getCode()).isEqualTo(code);
  }
}
