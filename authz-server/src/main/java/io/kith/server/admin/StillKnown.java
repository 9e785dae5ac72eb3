package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * A caller who was recognized when a call began, and is again while it goes on: a token or a
 * certificate may be over by then, and a key of the issuer withdrawn. Not thread-safe.
 */
final class StillKnown implements Caller.Again {
  /** How long a call goes on though nobody can say whether who called still counts. */
  private static final Duration UNSURE = Duration.ofMinutes(5);

  private final Caller caller;
  private final Attributes connection;
  private final Metadata headers;
  private final LongSupplier nanos;
  private long recognized;

  StillKnown(Caller caller, Attributes connection, Metadata headers, LongSupplier nanos) {
    this.caller = requireNonNull(caller, "caller");
    this.connection = requireNonNull(connection, "connection");
    this.headers = requireNonNull(headers, "headers");
    this.nanos = requireNonNull(nanos, "nanos");
    this.recognized = nanos.getAsLong();
  }

  @Override
  public void requireKnown() throws StatusException {
    try {
      var _ = caller.of(connection, headers);
      recognized = nanos.getAsLong();
    } catch (StatusException e) {
      var status = e.getStatus();
      if (status.getCode() == Status.Code.UNAVAILABLE && !isUnsureForTooLong()) {
        return; // the issuer's keys cannot be had just now: not the caller's doing
      }
      throw status
          .withDescription(
              status.getDescription()
                  + "; what was opened with it ends (open it again with what counts now)")
          .asException();
    }
  }

  private boolean isUnsureForTooLong() {
    return Duration.ofNanos(nanos.getAsLong() - recognized).compareTo(UNSURE) >= 0;
  }
}
