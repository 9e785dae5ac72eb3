package io.kith.server.bridge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
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
   * It is forgotten with the stream that brought it and with the list of pods that it was read by.
   */

  /** So long an answer is used again. */
  static final Duration KEPT = Duration.ofSeconds(1);

  private static final long MAX = 100_000;

  private record Key(AttachedBridge bridge, RegisteredPod pod, SocketQuery query) {
    // Which bridge and which pod they are, not what they say; and of the query what names a socket.
    @Override
    @SuppressWarnings("ReferenceEquality")
    public boolean equals(@Nullable Object other) {
      return other instanceof Key that
          && bridge == that.bridge
          && pod == that.pod
          && query.connection().equals(that.query.connection())
          && query.source().equals(that.query.source())
          && query.destination().equals(that.query.destination())
          && query.protocol() == that.query.protocol()
          && query.spiffeId().equals(that.query.spiffeId());
    }

    @Override
    public int hashCode() {
      return 31 * query.connection().hashCode() + query.source().port();
    }
  }

  private final Cache<Key, KnownConnection> answers;

  RecentAnswers(Ticker ticker) {
    answers =
        Caffeine.newBuilder()
            .maximumSize(MAX)
            .expireAfterWrite(KEPT)
            .ticker(ticker)
            .executor(Runnable::run)
            .build();
  }

  /** The answer about this connection, or null when it has to be asked for. */
  @Nullable KnownConnection find(AttachedBridge bridge, RegisteredPod pod, SocketQuery query) {
    return query.connection().isEmpty() ? null : answers.getIfPresent(new Key(bridge, pod, query));
  }

  /** Keeps an answer, if it is one that may be used again. */
  void keep(AttachedBridge bridge, RegisteredPod pod, SocketQuery query, Attributed answer) {
    if (!query.connection().isEmpty() && isBeyondDoubt(answer)) {
      answers.put(new Key(bridge, pod, query), new KnownConnection(answer));
    }
  }

  private static boolean isBeyondDoubt(Attributed answer) {
    if (answer.candidates().size() != 1 || !answer.reasons().isEmpty()) {
      return false;
    }
    var process = answer.candidates().getFirst();
    return process.quality() == Quality.EXACT && process.fingerprint().sha256() != null;
  }
}
