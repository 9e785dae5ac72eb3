package io.kith.server.check;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;

/**
 * The connections that were answered lately, so that requests on one connection and Envoy's retries
 * are told from new connections. A request on it to another destination than those before is one of
 * its own: a client may keep one connection to a proxy of several hosts.
 *
 * <p>Forgets what was not seen for five minutes, and the rarest beyond 100,000.
 */
final class SeenConnections {
  private static final Duration KEPT = Duration.ofMinutes(5);
  private static final long MAX = 100_000;

  // The number alone would not do: each proxy counts for itself, from zero again after a restart.
  private record Key(SpiffeId reporter, SocketPair ends, String connection, Destination resolved) {}

  private final Cache<Key, Boolean> seen;

  SeenConnections(Ticker ticker) {
    seen =
        Caffeine.newBuilder()
            .maximumSize(MAX)
            .expireAfterAccess(KEPT)
            .ticker(ticker)
            .executor(Runnable::run)
            .build();
  }

  /** Notes the connection to a destination; true when it was noted before. */
  boolean again(SpiffeId reporter, CheckFacts.Connection connection, Destination resolved) {
    var key =
        new Key(
            reporter,
            SocketPair.of(connection.source(), connection.destination()),
            connection.connection(),
            resolved);
    return seen.asMap().putIfAbsent(key, Boolean.TRUE) != null;
  }
}
