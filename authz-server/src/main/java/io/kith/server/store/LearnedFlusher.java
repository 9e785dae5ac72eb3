package io.kith.server.store;

import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.waiting.BackOff;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Writes what is learned to the store, in batches and on a thread of its own.
 *
 * <p>Parts with something new in them are written at every interval, parts that only counted on at
 * every twelfth. What a store did not take is kept, {@value #MAX_PENDING} parts at most, and tried
 * again with growing pauses; until then no more is asked for, so that nothing grows but what the
 * learners hold anyway. Closing writes all that is left, if that takes no longer than ten seconds.
 */
public final class LearnedFlusher implements AutoCloseable {
  static final int MAX_PENDING = 10_000;

  private static final System.Logger LOG = System.getLogger(LearnedFlusher.class.getName());
  private static final int BATCH = 2_000;
  private static final int COUNTS_EVERY = 12;
  private static final Duration LAST_WORDS = Duration.ofSeconds(10);

  private final BaselineStore store;
  private final Source source;
  private final Duration interval;
  private final BackOff backOff;
  private final ReentrantLock flushing = new ReentrantLock();
  private final Map<List<Object>, LearnedPart> pending = new LinkedHashMap<>();
  private final LongAdder written = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;
  private int rounds;

  /** What there is to write. */
  @FunctionalInterface
  public interface Source {
    /**
     * Parts that have changed, each handed out once, of all workloads.
     *
     * @param countsToo whether parts are wanted of which only counts have changed
     * @param limit at most so many; the others come next time
     */
    List<LearnedPart> changed(boolean countsToo, int limit);
  }

  /** Starts to write at every interval. */
  public LearnedFlusher(BaselineStore store, Source source, Duration interval) {
    this.store = store;
    this.source = source;
    this.interval = interval;
    this.backOff = new BackOff(interval, Duration.ofMinutes(1));
    this.thread = Thread.ofPlatform().daemon().name("kith-store-flush").start(this::run);
  }

  private void run() {
    var pause = interval;
    while (isOpenAfter(pause)) {
      rounds++;
      pause = interval;
      try {
        flush(rounds % COUNTS_EVERY == 0);
        backOff.reset();
      } catch (StoreException e) {
        pause = max(interval, backOff.next());
        LOG.log(Level.WARNING, "learned parts not written; they are kept and tried again", e);
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, "learned parts not read from the learners", e);
      }
    }
  }

  private static Duration max(Duration one, Duration other) {
    return one.compareTo(other) > 0 ? one : other;
  }

  private boolean isOpenAfter(Duration pause) {
    try {
      return !closed.await(pause.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException _) {
      return false;
    }
  }

  /**
   * Writes now.
   *
   * @param countsToo also the parts that only counted on
   * @throws StoreException when something could not be written; it is kept
   */
  public void flush(boolean countsToo) throws StoreException {
    flushing.lock();
    try {
      boolean more;
      do {
        var room = MAX_PENDING - pending.size();
        var parts =
            room == 0
                ? List.<LearnedPart>of() // only what failed before
                : source.changed(countsToo, Math.min(BATCH, room));
        parts.forEach(part -> pending.put(List.of(part.replica(), part.owner(), part.key()), part));
        more = room == 0 || !parts.isEmpty();
        save();
      } while (more);
    } finally {
      flushing.unlock();
    }
  }

  private void save() throws StoreException {
    if (pending.isEmpty()) {
      return;
    }
    try {
      store.saveLearned(List.copyOf(pending.values()));
    } catch (StoreException e) {
      failures.increment();
      throw e;
    }
    written.add(pending.size());
    pending.clear();
  }

  /** Parts that were written. */
  public long written() {
    return written.sum();
  }

  /** Attempts to write that failed. */
  public long failures() {
    return failures.sum();
  }

  /** Parts that wait because an attempt failed. */
  public int pending() {
    flushing.lock();
    try {
      return pending.size();
    } finally {
      flushing.unlock();
    }
  }

  @Override
  public void close() {
    closed.countDown();
    var last = Thread.ofPlatform().daemon().name("kith-store-last-flush").start(this::lastWords);
    try {
      if (!last.join(LAST_WORDS) || !thread.join(Duration.ofSeconds(1))) {
        LOG.log(Level.WARNING, "learned parts of the last interval not written in time");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void lastWords() {
    try {
      flush(true);
    } catch (StoreException e) {
      LOG.log(Level.WARNING, "learned parts of the last interval not written", e);
    }
  }
}
