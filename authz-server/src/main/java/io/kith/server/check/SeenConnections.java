package io.kith.server.check;

import com.github.benmanes.caffeine.cache.Ticker;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The connections that were answered lately, so that requests on one connection and Envoy's retries
 * are told from new connections. A request on it to another destination than those before is one of
 * its own: a client may keep one connection to a proxy of several hosts.
 *
 * <p>Forgets what was not seen for five minutes, and what was not seen for longest beyond 100,000.
 * Thread-safe.
 */
final class SeenConnections {
  private static final long KEPT_NANOS = Duration.ofMinutes(5).toNanos();
  private static final int MAX = 100_000;

  /** Of two, so that threads seldom meet at one. */
  private static final int PARTS = 16;

  // The key: ends in five words, the connection's number, hashes of reporter and destination.
  private static final int KEY = 7;
  private static final int SEEN_AT = KEY;
  private static final int REPORTER = 0;
  private static final int DESTINATION = 1;

  /** Where it is no number; else null. */
  private static final int NAME = 2;

  private final Ticker ticker;
  private final FlatTable[] parts =
      Stream.generate(() -> new FlatTable(KEY, KEY + 1, 3)).limit(PARTS).toArray(FlatTable[]::new);

  SeenConnections(Ticker ticker) {
    this.ticker = ticker;
  }

  /** Notes the connection to a destination; true when it was noted before. */
  boolean again(SpiffeId reporter, CheckFacts.Connection connection, Destination resolved) {
    var ends = SocketPair.of(connection.source(), connection.destination());
    // The number alone would not do: each proxy counts for itself, from zero again after a restart.
    var number = ConnectionNumber.of(connection.connection());
    var name = number == ConnectionNumber.NONE ? connection.connection() : null;
    var row =
        new long[] {
          ends.sourceHigh(),
          ends.sourceLow(),
          ends.destinationHigh(),
          ends.destinationLow(),
          ends.ports(),
          name == null ? number : ~(long) name.hashCode(),
          ((long) reporter.hashCode() << 32) | (resolved.hashCode() & 0xffff_ffffL),
          ticker.read()
        };
    var part = parts[(ends.hashCode() >>> 8) & (PARTS - 1)];
    synchronized (part) {
      forgetBefore(part, row[SEEN_AT] - KEPT_NANOS);
      var before = part.find(row);
      var again = before >= 0 && is(part, before, reporter, resolved, name);
      var _ = part.add(row, reporter, resolved, name); // it is the latest now
      if (part.size() > MAX / PARTS) {
        part.remove(part.eldest());
      }
      return again;
    }
  }

  private static void forgetBefore(FlatTable part, long nanos) {
    while (part.size() > 0 && part.number(part.eldest(), SEEN_AT) - nanos < 0) {
      part.remove(part.eldest());
    }
  }

  /** Words of the key say so nearly; here it is certain. */
  private static boolean is(
      FlatTable part, int row, SpiffeId reporter, Destination resolved, @Nullable String name) {
    return Objects.equals(reporter, part.object(row, REPORTER))
        && Objects.equals(resolved, part.object(row, DESTINATION))
        && Objects.equals(name, part.object(row, NAME));
  }
}
