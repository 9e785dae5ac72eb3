package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.bridge.v1.OpenerTable;
import io.kith.server.check.BoundedLog;
import io.kith.server.ffm.SharedWords;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Brings together the tables that bridges name and the maps that were handed over, by the kernel's
 * numbers for maps; either may come first. Thread-safe.
 */
public final class OpenerTables implements AutoCloseable {
  /** Maps that may wait to be named; of more the eldest is closed. */
  static final int MAX_WAITING = 8;

  /** So long a map waits to be named. */
  static final Duration PATIENCE = Duration.ofSeconds(10);

  /** So long a table that was named waits for its map, which is wanted once more then. */
  private static final Duration FIRST_WANT = Duration.ofSeconds(1);

  /** It doubles up to this. */
  private static final Duration LAST_WANT = Duration.ofMinutes(5);

  private static final int LEAST_WORDS = 1 << 10;
  private static final int MOST_WORDS = 1 << 24;
  private static final BoundedLog LOG = new BoundedLog(OpenerTables.class, 1);

  /** An array of 64-bit words in the kernel, by a descriptor that is closed with it. */
  public interface Handed extends AutoCloseable {
    /** The kernel's number for it. */
    long id();

    /** Words that it has. */
    long words();

    /**
     * Maps all of it; it may be closed then.
     *
     * @throws IOException when the kernel refuses it
     */
    SharedWords map() throws IOException;

    @Override
    void close();
  }

  /** What a stream names and does not read yet. */
  private static final class Naming {
    // guarded by the tables
    private OpenerTable table = OpenerTable.getDefaultInstance();
    private @Nullable Runnable wanted; // null: it is read, or there is none any more

    Naming(Runnable wanted) {
      this.wanted = wanted;
    }
  }

  private final Executor executor;
  private final Function<Duration, Executor> later;
  private final Deque<Handed> waiting = new ArrayDeque<>(); // guarded by this
  private final Map<Openers, Naming> named = new HashMap<>(); // guarded by this
  private boolean closed; // guarded by this

  /**
   * With neither.
   *
   * @param executor maps what it is to, which may take some milliseconds
   */
  public OpenerTables(Executor executor) {
    this(
        executor,
        after -> CompletableFuture.delayedExecutor(after.toMillis(), TimeUnit.MILLISECONDS));
  }

  /**
   * The same.
   *
   * @param later runs what it is to after a time
   */
  OpenerTables(Executor executor, Function<Duration, Executor> later) {
    this.executor = requireNonNull(executor, "executor");
    this.later = requireNonNull(later, "later");
  }

  /** Takes a map, and closes it in the end. Maps it at once where it is named already. */
  public void handedOver(Handed map) {
    Openers wanting;
    OpenerTable table;
    Handed eldest = null;
    synchronized (this) {
      if (closed) {
        map.close();
        return;
      }
      wanting = wanting(map);
      var naming = wanting == null ? null : named.get(wanting);
      table = naming == null ? null : naming.table;
      if (table == null) {
        waiting.add(map);
        eldest = waiting.size() > MAX_WAITING ? waiting.remove() : null;
      }
    }
    if (wanting != null && table != null) {
      give(map, wanting, table);
      return;
    }
    if (eldest != null) {
      refuse(eldest, "nobody named it");
    }
    later.apply(PATIENCE).execute(() -> forget(map));
  }

  private @Nullable Openers wanting(Handed map) {
    for (var one : named.entrySet()) {
      if (id(one.getValue().table) == map.id()) {
        return one.getKey();
      }
    }
    return null;
  }

  private static long id(OpenerTable table) {
    return Integer.toUnsignedLong(table.getMapId());
  }

  private void forget(Handed map) {
    boolean waited;
    synchronized (this) {
      waited = waiting.remove(map);
    }
    if (waited) {
      refuse(map, "nobody named it");
    }
  }

  /**
   * Has a stream read a table, in place of the one before, once its map is there; of none, none.
   *
   * @param wanted told now and then that it is not, until it is or the stream ends
   */
  void name(OpenerTable table, Openers openers, Runnable wanted) {
    openers.readNone();
    var words = table.getWords();
    if (words == 0) {
      ended(openers);
      return;
    }
    if (words < LEAST_WORDS || words > MOST_WORDS || Integer.bitCount(words) != 1) {
      ended(openers);
      warn(
          "table of "
              + Integer.toUnsignedString(words)
              + " words (expected: a power of two, 1,024 to 16,777,216)");
      return;
    }
    Handed map;
    Naming begun = null;
    synchronized (this) {
      if (closed) {
        return;
      }
      var naming = named.get(openers);
      if (naming == null) {
        naming = new Naming(wanted);
        begun = naming;
        named.put(openers, naming);
      }
      naming.table = table;
      map = waiting.stream().filter(one -> one.id() == id(table)).findFirst().orElse(null);
      if (map != null) {
        waiting.remove(map);
      }
    }
    if (map != null) {
      try {
        executor.execute(() -> give(map, openers, table));
      } catch (RejectedExecutionException _) {
        refuse(map, "too much is handed over");
      }
    }
    if (begun != null) {
      wantLater(begun, FIRST_WANT);
    }
  }

  /** Its turn may be minutes ahead, and holds nothing of a stream that has ended. */
  private void wantLater(Naming naming, Duration patience) {
    later
        .apply(patience)
        .execute(
            () -> {
              Runnable wanted;
              synchronized (this) {
                wanted = naming.wanted;
              }
              if (wanted == null) {
                return;
              }
              wanted.run();
              var doubled = patience.plus(patience);
              wantLater(naming, doubled.compareTo(LAST_WANT) < 0 ? doubled : LAST_WANT);
            });
  }

  /** Holds the lock. */
  private void forget(Openers openers) {
    var naming = named.remove(openers);
    if (naming != null) {
      naming.wanted = null;
    }
  }

  /** A stream reads no table any more. */
  void ended(Openers openers) {
    synchronized (this) {
      forget(openers);
    }
    openers.readNone();
  }

  private void give(Handed map, Openers openers, OpenerTable table) {
    if (map.words() != table.getWords()) {
      refuse(map, "it has " + map.words() + " words, and its bridge says " + table.getWords());
      return;
    }
    SharedWords words;
    try {
      words = map.map();
    } catch (IOException | RuntimeException | LinkageError e) { // where memory is not to be had
      refuse(map, String.valueOf(e.getMessage()));
      return;
    }
    map.close();
    synchronized (this) {
      var naming = named.get(openers);
      if (naming != null && naming.table.equals(table)) { // else it has ended, or named another
        forget(openers);
        openers.read(table, words);
      }
    }
  }

  private static void refuse(Handed map, String why) {
    map.close();
    warn("map " + map.id() + ": " + why);
  }

  private static void warn(String why) {
    LOG.log(
        Level.WARNING,
        "table of openers not read: its bridge is asked about each connection",
        Map.of("problem", why),
        null);
  }

  /** Closes what waits, and takes nothing more. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      List.copyOf(named.keySet()).forEach(this::forget);
      waiting.forEach(Handed::close);
      waiting.clear();
    }
  }
}
