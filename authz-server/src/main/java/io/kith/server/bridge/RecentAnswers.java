package io.kith.server.bridge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Quality;
import io.kith.server.check.ConnectionNumber;
import io.kith.server.check.FlatTable;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.SocketPair;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What bridges said a moment ago about connections: Envoy asks about one again with each request on
 * it. Thread-safe.
 */
final class RecentAnswers {
  /*
   * A connection stays that of who opened it, and its proxy's number for it tells it from a later one
   * on the same ports. What can change is who else uses it, after a hand-over or an exec: so an answer
   * is kept for a second only, and only one that names one exact process, its hash, and no doubts. The
   * second begins when it was asked for: how long it waited after the bridge had looked is not known.
   * It is forgotten with the stream that brought it, with the list of pods that it was read by, and
   * as soon as the bridge says anything less of the same connection.
   *
   * A connection that is in use is asked about again before its answer is too old, so that none of
   * its requests waits for the bridge.
   *
   * Most connections are asked about once. So an answer is a row of a table until it is looked for
   * again, and only from then on something that is found without a lock.
   */

  /** So long an answer is used again. */
  static final Duration KEPT = Duration.ofSeconds(1);

  private static final int MAX = 100_000;
  private static final long NANOS_BEHIND = 1_000_000;

  /** Of two, so that threads seldom meet at one. */
  private static final int PARTS = 16;

  // A row: ends in five words, protocol, the connection's number; when, and whether it was about
  // another connection of the process; of whom, and the answer.
  private static final int KEY = 7;
  private static final int ANSWERED_AT = KEY;
  private static final int UNASKED = KEY + 1;
  private static final int BRIDGE = 0;
  private static final int POD = 1;
  private static final int REPORTER = 2;
  private static final int ANSWER = 3;

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
      var connection = ConnectionNumber.of(query.connection());
      var source = query.source();
      var destination = query.destination();
      return connection == ConnectionNumber.NONE
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
              SocketPair.ports(source, destination),
              query.protocol());
    }

    /** Its numbers, and those of an answer. */
    long[] row(long nanos, boolean unasked) {
      return new long[] {
        sourceHigh,
        sourceLow,
        destinationHigh,
        destinationLow,
        ports,
        protocol == Protocol.TCP ? 0 : 1,
        connection,
        nanos,
        unasked ? 1 : 0
      };
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

  /** Answers that were not looked for yet, the eldest first. */
  private static final class Part {
    private final FlatTable rows = new FlatTable(KEY, KEY + 2, 4);

    void forgetOld(long nanos) {
      while (rows.size() > 0 && isOld(rows.eldest(), nanos)) {
        rows.remove(rows.eldest());
      }
    }

    boolean isOld(int row, long nanos) {
      return nanos - rows.number(row, ANSWERED_AT) >= KEPT.toNanos();
    }

    private int find(Key key) {
      return rows.find(key.row(0, false)); // by its first numbers
    }

    void forget(Key key) {
      var row = find(key);
      if (row >= 0) {
        rows.remove(row);
      }
    }

    void put(Key key, KnownConnection answer) {
      var row = key.row(answer.answeredNanos(), answer.isUnasked());
      var _ = rows.add(row, key.bridge, key.pod, key.reporter, answer.attribution());
      if (rows.size() > MAX / PARTS) {
        rows.remove(rows.eldest());
      }
    }

    /** Takes the answer about this connection out. */
    @SuppressWarnings("ReferenceEquality")
    @Nullable KnownConnection take(Key key, long nanos) {
      var row = find(key);
      if (row < 0
          || isOld(row, nanos)
          || rows.object(row, BRIDGE) != key.bridge
          || rows.object(row, POD) != key.pod
          || !Objects.equals(key.reporter, rows.object(row, REPORTER))) {
        return null;
      }
      var answer = (Attribution) Objects.requireNonNull(rows.object(row, ANSWER), "answer");
      var answered = rows.number(row, ANSWERED_AT);
      var unasked = rows.number(row, UNASKED) != 0;
      rows.remove(row);
      return unasked
          ? KnownConnection.unasked(answer, answered)
          : new KnownConnection(answer, answered);
    }
  }

  private final Part[] parts = Stream.generate(Part::new).limit(PARTS).toArray(Part[]::new);
  private final Cache<Key, KnownConnection> inUse;

  /*
   * A millisecond or so behind: a look at the clock is a twentieth of what a Check costs, and whoever
   * asks has had one.
   */
  private volatile long latestNanos;

  RecentAnswers(long nanos) {
    latestNanos = nanos;
    inUse =
        Caffeine.newBuilder()
            .maximumSize(MAX)
            .expireAfterAccess(KEPT.plus(KEPT)) // how old an answer is it says itself
            .ticker(() -> latestNanos)
            .executor(Runnable::run)
            .build();
  }

  private void at(long nanos) {
    if (nanos - latestNanos > NANOS_BEHIND) {
      latestNanos = nanos;
    }
  }

  private Part part(Key key) {
    var hash = key.hashCode();
    return parts[(hash ^ (hash >>> 16)) & (PARTS - 1)];
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
    if (key == null) {
      return null;
    }
    var known = inUse.getIfPresent(key);
    if (known != null) {
      return known.isYoungerThan(KEPT, nanos) ? known : null;
    }
    var part = part(key);
    synchronized (part) {
      var taken = part.take(key, nanos);
      if (taken == null) {
        return inUse.getIfPresent(key); // null, but where another thread took it
      }
      inUse.put(key, taken);
      return taken;
    }
  }

  /** Keeps an answer if it is one that may be used again; else what was kept is forgotten. */
  void keep(AttachedBridge bridge, RegisteredPod pod, SocketQuery query, KnownConnection answer) {
    var nanos = answer.answeredNanos();
    at(nanos);
    var key = Key.of(bridge, pod, query);
    if (key == null) {
      return;
    }
    var part = part(key);
    synchronized (part) {
      part.forgetOld(nanos);
      if (!isBeyondDoubt(answer.attribution())) {
        forget(part, key);
        return;
      }
      var known = inUse.getIfPresent(key);
      if (known == null) {
        part.put(key, answer);
      } else if (known.attribution().equals(answer.attribution())) {
        known.answeredAgain(nanos, answer.isUnasked());
      } else {
        inUse.put(key, answer);
      }
    }
  }

  /** Forgets what was kept about this connection. */
  void forget(AttachedBridge bridge, RegisteredPod pod, SocketQuery query) {
    var key = Key.of(bridge, pod, query);
    if (key != null) {
      var part = part(key);
      synchronized (part) {
        forget(part, key);
      }
    }
  }

  private void forget(Part part, Key key) {
    part.forget(key);
    inUse.invalidate(key);
  }

  /** Whether an answer names one exact process, its hash, and no doubts. */
  static boolean isBeyondDoubt(Attribution answer) {
    if (!(answer instanceof Attributed known)
        || known.candidates().size() != 1
        || !known.reasons().isEmpty()) {
      return false;
    }
    var process = known.candidates().getFirst();
    return process.quality() == Quality.EXACT && process.fingerprint().sha256() != null;
  }
}
