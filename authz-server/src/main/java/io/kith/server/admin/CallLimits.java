package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.protobuf.Any;
import com.google.rpc.Code;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminRole;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.function.LongSupplier;

/**
 * How often each caller may call, over gRPC and HTTP together: looking and changing apart, and how
 * many streams at a time. A caller is who was proven, whatever name it gives.
 */
public final class CallLimits {
  /** gRPC A6: when a client may call again, in milliseconds; a negative number for never. */
  private static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  private static final String NEVER = "-1";

  /* Who was not seen for so long has a full bucket anyway. */
  private static final Duration FORGET = Duration.ofHours(1);
  private static final int MAX_CALLERS = 10_000;

  /** What is counted of a caller. */
  private record Buckets(TokenBucket reads, TokenBucket changes, Semaphore streams) {}

  private final AdminLimits settings;
  private final LongSupplier nanos;
  private final Cache<String, Buckets> callers =
      Caffeine.newBuilder().expireAfterAccess(FORGET).maximumSize(MAX_CALLERS).build();

  public CallLimits(AdminLimits settings) {
    this(settings, System::nanoTime);
  }

  CallLimits(AdminLimits settings, LongSupplier nanos) {
    this.settings = requireNonNull(settings, "settings");
    this.nanos = requireNonNull(nanos, "nanos");
  }

  private Buckets of(String caller) {
    return callers.get(
        caller,
        _ ->
            new Buckets(
                bucket(settings.reads()),
                bucket(settings.changes()),
                new Semaphore(settings.streams())));
  }

  private TokenBucket bucket(AdminLimits.Rate rate) {
    return new TokenBucket(rate.perSecond(), rate.burst(), nanos.getAsLong());
  }

  /**
   * Counts a call.
   *
   * @param caller what is proven of it
   * @throws StatusException RESOURCE_EXHAUSTED, with when to call again
   */
  void admit(String caller, AdminRole needed) throws StatusException {
    var isRead = needed == AdminRole.VIEWER;
    var buckets = of(caller);
    var wait = (isRead ? buckets.reads() : buckets.changes()).take(nanos.getAsLong());
    if (wait > 0) {
      var rate = isRead ? settings.reads() : settings.changes();
      throw later(
          caller
              + " calls too often: more than "
              + rate.perSecond()
              + (isRead ? " questions" : " changes")
              + " a second (server.admin.limits)",
          Duration.ofNanos(wait)
              .plusNanos(999_999)
              .truncatedTo(java.time.temporal.ChronoUnit.MILLIS));
    }
  }

  private static StatusException later(String words, Duration wait) {
    var delay =
        com.google.protobuf.Duration.newBuilder()
            .setSeconds(wait.getSeconds())
            .setNanos(wait.getNano());
    var trailers = new Metadata();
    trailers.put(PUSHBACK, Long.toString(wait.toMillis()));
    return StatusProto.toStatusException(
        com.google.rpc.Status.newBuilder()
            .setCode(Code.RESOURCE_EXHAUSTED_VALUE)
            .setMessage(words)
            .addDetails(Any.pack(RetryInfo.newBuilder().setRetryDelay(delay).build()))
            .build(),
        trailers);
  }

  /**
   * Counts a stream.
   *
   * @return gives its place back; to be run once
   * @throws StatusException RESOURCE_EXHAUSTED
   */
  Runnable startStream(String caller) throws StatusException {
    var streams = of(caller).streams();
    if (!streams.tryAcquire()) {
      var trailers = new Metadata();
      trailers.put(PUSHBACK, NEVER);
      throw Status.RESOURCE_EXHAUSTED
          .withDescription(
              caller
                  + " follows "
                  + settings.streams()
                  + " times already (end one of them, or raise server.admin.limits.streams)")
          .asException(trailers);
    }
    return streams::release;
  }
}
