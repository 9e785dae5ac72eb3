package io.kith.server.bridge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Quality;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What bridges said a moment ago about connections: Envoy asks about one again with each request on
 * it. Thread-safe.
 */
final class RecentAnswers {
  /*
   * A connection stays that of who opened it, and its proxy's number for it tells it from a later one
   * on the same ports. What can change is who else uses it, after a hand-over or an exec: so an answer
   * is kept for a second only, and only one that names one exact process, its hash, and no doubts.
   * It is forgotten with the stream that brought it, with the list of pods that it was read by, and
   * as soon as the bridge says anything less of the same connection.
   *
   * A connection that is in use is asked about again before its answer is too old, so that none of
   * its requests waits for the bridge.
   */

  /** So long an answer is used again. */
  static final Duration KEPT = Duration.ofSeconds(1);

  private static final long MAX = 100_000;
  private static final long NANOS_BEHIND = 1_000_000;

  /*
   * Flat, since it is compared with each Check, and each part that is an object of its own is a line of
   * the cache that is seldom there. Which bridge and which pod they are counts, not what they say.
   */
  private record Key(
      AttachedBridge bridge,
      RegisteredPod pod,
      SpiffeId reporter,
      long connection,
      long sourceHigh,
      long sourceLow,
      long destinationHigh,
      long destinationLow,
      int ports,
      Protocol protocol) {
    static @Nullable Key of(AttachedBridge bridge, RegisteredPod pod, SocketQuery query) {
      var connection = number(query.connection());
      var source = query.source();
      var destination = query.destination();
      return connection < 0
          ? null
          : new Key(
              bridge,
              pod,
              query.spiffeId(),
              connection,
              source.address().high(),
              source.address().low(),
              destination.address().high(),
              destination.address().low(),
              (source.port() << 16) | destination.port(),
              query.protocol());
    }

    /** Of as many digits as surely fit; else below 0, and then the bridge is asked each time. */
    private static long number(String digits) {
      if (digits.isEmpty() || digits.length() > 18) {
        return -1;
      }
      var number = 0L;
      for (var i = 0; i < digits.length(); i++) {
        number = 10 * number + digits.charAt(i) - '0';
      }
      return number;
    }

    @Override
    @SuppressWarnings("ReferenceEquality")
    public boolean equals(@Nullable Object other) {
      return other instanceof Key that
          && connection == that.connection
          && ports == that.ports
          && sourceLow == that.sourceLow
          && destinationLow == that.destinationLow
          && sourceHigh == that.sourceHigh
          && destinationHigh == that.destinationHigh
          && bridge == that.bridge
          && pod == that.pod
          && protocol == that.protocol
          && reporter.equals(that.reporter);
    }

    @Override
    public int hashCode() {
      return Long.hashCode(connection * 31 + sourceLow) * 31 + ports;
    }
  }

  private final Cache<Key, KnownConnection> answers;

  /*
   * A millisecond or so behind: a look at the clock is a twentieth of what a Check costs, and whoever
   * asks has had one.
   */
  private volatile long latestNanos;

  RecentAnswers(long nanos) {
    latestNanos = nanos;
    answers =
        Caffeine.newBuilder()
            .maximumSize(MAX)
            .expireAfterWrite(KEPT)
            .ticker(() -> latestNanos)
            .executor(Runnable::run)
            .build();
  }

  private void at(long nanos) {
    if (nanos - latestNanos > NANOS_BEHIND) {
      latestNanos = nanos;
    }
  }

  /**
   * The answer about this connection, or null when it has to be asked for.
   *
   * @param nanos now, by {@link System#nanoTime}
   */
  @Nullable KnownConnection find(
      AttachedBridge bridge, RegisteredPod pod, SocketQuery query, long nanos) {
    at(nanos);
    var key = Key.of(bridge, pod, query);
    return key == null ? null : answers.getIfPresent(key);
  }

  /** Keeps an answer if it is one that may be used again; else what was kept is forgotten. */
  void keep(
      AttachedBridge bridge, RegisteredPod pod, SocketQuery query, Attribution answer, long nanos) {
    at(nanos);
    var key = Key.of(bridge, pod, query);
    if (key == null) {
      return;
    }
    if (isBeyondDoubt(answer)) {
      answers.put(key, new KnownConnection(answer, nanos));
    } else {
      answers.invalidate(key);
    }
  }

  private static boolean isBeyondDoubt(Attribution answer) {
    if (!(answer instanceof Attributed known)
        || known.candidates().size() != 1
        || !known.reasons().isEmpty()) {
      return false;
    }
    var process = known.candidates().getFirst();
    return process.quality() == Quality.EXACT && process.fingerprint().sha256() != null;
  }
}
