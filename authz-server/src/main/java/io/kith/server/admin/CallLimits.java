package io.kith.server.admin;

import static java.util.Objects.requireNonNull;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.protobuf.Any;
import com.google.rpc.Code;
import com.google.rpc.RetryInfo;
import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.identity.IpAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * How often each caller may call, over gRPC and HTTP together: looking and changing apart, and how
 * many streams at a time. A caller is who was proven, whatever name it gives.
 *
 * <p>Who is not recognized is counted by where it calls from, and soon is told only to come back
 * later. That holds up nobody else who calls from there: who is recognized is never asked here.
 */
public final class CallLimits {
  private static final String NEVER = "-1";

  /* Who was not seen for so long has a full bucket anyway. */
  private static final Duration FORGET = Duration.ofHours(1);
  private static final int MAX_CALLERS = 10_000;

  /** Refusals of one peer that are told why: ten at once, then one a second. */
  private static final AdminLimits.Rate REFUSALS = new AdminLimits.Rate(1, 10);

  /** Why somebody who may not call at all was refused: label of a metric. */
  private enum Refused {
    UNAUTHENTICATED,
    NO_ROLE,
    LIMITED
  }

  /** Of one caller at a time: each may have 5 MiB of a request or an answer waiting. */
  private static final int MAX_CALLS = 32;

  /** How often a caller called. */
  private record Buckets(TokenBucket reads, TokenBucket changes) {}

  private final AdminLimits settings;
  private final LongSupplier nanos;
  private final Cache<String, TokenBucket> strangers;
  private final Map<Refused, LongAdder> refused = new EnumMap<>(Refused.class);
  private final Cache<String, Buckets> callers;

  /** What is open, by kind and caller; a stream goes on for longer than a cache remembers. */
  private final Map<String, Integer> open = new ConcurrentHashMap<>();

  public CallLimits(AdminLimits settings) {
    this(settings, System::nanoTime);
  }

  CallLimits(AdminLimits settings, LongSupplier nanos) {
    this.settings = requireNonNull(settings, "settings");
    this.nanos = requireNonNull(nanos, "nanos");
    this.strangers = forgetful(nanos);
    this.callers = forgetful(nanos);
    for (var why : Refused.values()) {
      refused.put(why, new LongAdder());
    }
  }

  private static <V> Cache<String, V> forgetful(LongSupplier nanos) {
    return Caffeine.newBuilder()
        .expireAfterAccess(FORGET)
        .maximumSize(MAX_CALLERS)
        .ticker(nanos::getAsLong)
        .build();
  }

  /**
   * Where a call comes from: an address, of IPv6 its network of 64 bits, or a user of this machine.
   */
  static String peer(Attributes connection) {
    if (connection.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) instanceof InetSocketAddress socket
        && socket.getAddress() != null) {
      var address = IpAddress.of(socket.getAddress());
      return address.isIpv4() ? address.toString() : "[%x::]/64".formatted(address.high());
    }
    var uid = SocketPeer.uidOf(connection);
    return uid == null ? "an unknown user" : "uid:" + uid;
  }

  /**
   * Counts that somebody was not recognized, or has no role.
   *
   * @param peer where the call comes from
   * @param why what would be answered
   * @return what is to be answered: the same, or RESOURCE_EXHAUSTED with when to call again
   */
  StatusException refused(String peer, StatusException why) {
    var code = why.getStatus().getCode();
    if (code != Status.Code.UNAUTHENTICATED && code != Status.Code.PERMISSION_DENIED) {
      return why; // the issuer's keys cannot be had: not the caller's doing
    }
    var now = nanos.getAsLong();
    var wait = strangers.get(peer, _ -> bucket(REFUSALS)).take(now);
    if (wait <= 0) {
      count(code == Status.Code.UNAUTHENTICATED ? Refused.UNAUTHENTICATED : Refused.NO_ROLE);
      return why;
    }
    count(Refused.LIMITED);
    return later(
        "too many calls from "
            + peer
            + " that are not accepted: more than "
            + REFUSALS.perSecond()
            + " a second",
        rounded(wait));
  }

  private void count(Refused why) {
    requireNonNull(refused.get(why)).increment();
  }

  /** How often callers were refused who were not recognized or have no role, by why. */
  public Map<String, Long> refusals() {
    var counts = new TreeMap<String, Long>();
    refused.forEach((why, times) -> counts.put(why.name().toLowerCase(Locale.ROOT), times.sum()));
    return counts;
  }

  private static Duration rounded(long nanos) {
    return Duration.ofNanos(nanos).plusNanos(999_999).truncatedTo(ChronoUnit.MILLIS);
  }

  private Buckets of(String caller) {
    return callers.get(
        caller, _ -> new Buckets(bucket(settings.reads()), bucket(settings.changes())));
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
          rounded(wait));
    }
  }

  private static StatusException later(String words, Duration wait) {
    var delay =
        com.google.protobuf.Duration.newBuilder()
            .setSeconds(wait.getSeconds())
            .setNanos(wait.getNano());
    var trailers = new Metadata();
    trailers.put(Caller.PUSHBACK, Long.toString(wait.toMillis()));
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
    return start(
        caller,
        "streams",
        settings.streams(),
        "end one of them, or raise server.admin.limits.streams",
        true);
  }

  /** The same of a stream of questions about the API itself, which clients have open beside. */
  Runnable startReflection(String caller) throws StatusException {
    return start(caller, "streams of reflection", settings.streams(), "end one of them", true);
  }

  /** The same of a call with one request and one answer, each of which may be large. */
  Runnable startCall(String caller) throws StatusException {
    return start(caller, "calls", MAX_CALLS, "wait for their answers", false);
  }

  private Runnable start(String caller, String what, int most, String advice, boolean stays)
      throws StatusException {
    var key = what + " of " + caller;
    if (open.merge(key, 1, Integer::sum) > most) {
      end(key);
      var trailers = new Metadata();
      if (stays) {
        trailers.put(Caller.PUSHBACK, NEVER);
      }
      throw Status.RESOURCE_EXHAUSTED
          .withDescription("%s has %d %s open already (%s)".formatted(caller, most, what, advice))
          .asException(trailers);
    }
    return () -> end(key);
  }

  private void end(String key) {
    open.computeIfPresent(key, (_, count) -> count == 1 ? null : count - 1);
  }
}
