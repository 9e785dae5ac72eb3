package io.kith.server.admin;

import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Seal;
import io.kith.baselines.identity.Owner;
import io.kith.server.control.RefusedException;
import java.lang.System.Logger.Level;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Reads what clients of the admin API send, and answers or refuses. */
final class Requests {
  private static final System.Logger LOG = System.getLogger(AdminService.class.getName());
  private static final long MAX_TTL_SECONDS = 315_576_000_000L;

  private Requests() {}

  /** Makes the answer of a call. */
  interface Handler<T> {
    T handle() throws RefusedException, InterruptedException;
  }

  static <T> void answer(StreamObserver<T> caller, Handler<T> handler) {
    stream(
        caller,
        () -> {
          caller.onNext(handler.handle());
          caller.onCompleted();
        });
  }

  /** Sends the messages of a call, and completes it. */
  interface Sender {
    void send() throws RefusedException, StatusException, InterruptedException;
  }

  static void stream(StreamObserver<?> caller, Sender sender) {
    try {
      sender.send();
    } catch (RefusedException e) {
      caller.onError(statusOf(e).withDescription(e.words()).asRuntimeException());
    } catch (StatusException e) {
      caller.onError(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      caller.onError(
          Status.UNAVAILABLE.withDescription("the server is stopping").asRuntimeException());
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "an admin call failed", e);
      caller.onError(
          Status.INTERNAL
              .withDescription("the server failed; its log has the cause")
              .asRuntimeException());
    }
  }

  private static Status statusOf(RefusedException refused) {
    return switch (refused.kind()) {
      case INVALID -> Status.INVALID_ARGUMENT;
      case NOT_FOUND -> Status.NOT_FOUND;
      case PRECONDITION -> Status.FAILED_PRECONDITION;
      case STORE -> Status.ABORTED;
      case BUSY -> Status.RESOURCE_EXHAUSTED;
    };
  }

  static <T> T read(String text, Function<String, T> reader) throws RefusedException {
    try {
      return reader.apply(text);
    } catch (IllegalArgumentException e) {
      throw RefusedException.invalid(
          e.getMessage() == null ? "'" + text + "' is not understood" : e.getMessage());
    }
  }

  static @Nullable Owner ownerOrAll(String text) throws RefusedException {
    return text.isEmpty() ? null : read(text, Owner::parse);
  }

  static @Nullable String orNull(String text) {
    return text.isEmpty() ? null : text;
  }

  static Duration ttl(com.google.protobuf.Duration ttl) throws RefusedException {
    return duration("ttl", ttl);
  }

  static Duration duration(String field, com.google.protobuf.Duration asked)
      throws RefusedException {
    if (asked.getSeconds() < 0
        || asked.getSeconds() > MAX_TTL_SECONDS
        || asked.getNanos() < 0
        || asked.getNanos() > 999_999_999) {
      throw RefusedException.invalid(
          field
              + ": "
              + asked.getSeconds()
              + " s (expected: more than nothing and at most 3650 days)");
    }
    return Duration.ofSeconds(asked.getSeconds(), asked.getNanos());
  }

  static Instant until(com.google.protobuf.Timestamp time) throws RefusedException {
    try {
      return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
    } catch (DateTimeException | ArithmeticException e) {
      throw RefusedException.invalid(
          "until: " + time.getSeconds() + " s (expected: a time to come, within 3650 days)");
    }
  }

  static SignedBaseline.Approval approval(io.kith.admin.v1.Approval approval)
      throws RefusedException {
    return new SignedBaseline.Approval(
        read(approval.getOwner(), Owner::parse),
        approval.getGrantsList(),
        new Seal(approval.getKeyId(), approval.getSignature()));
  }
}
