package io.kith.server.check;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.logging.Level;

/**
 * Tells what is still waited for that its time is up, up to {@link #GRAIN} late.
 *
 * <p>Thread-safe; {@link #add} takes no lock.
 */
public final class Deadlines implements AutoCloseable {
  /*
   * Nearly every entry is done long before its deadline, and there are tens of thousands a second. A
   * timer that sorts them, and wakes a thread for each that becomes the next, costs more than the
   * check itself. So entries only stand in a queue, and one thread walks over all of them when the
   * first would be late, or after a while: it drops what is done and tells what is late. It comes
   * soon where many wait, so that what is done does not grow old. The number waiting is bounded by
   * those who add.
   */

  /** How late an entry may be told. */
  public static final Duration GRAIN = Duration.ofMillis(5);

  /** Something with an end. */
  public interface Entry {
    /** On the scale of {@link System#nanoTime}. */
    long deadlineNanos();

    /** Need not be told any more. */
    boolean isDone();

    /** The time is up. Called at most once; must be quick and must not throw. */
    void expire();
  }

  private static final BoundedLog LOG = new BoundedLog(Deadlines.class, 10);

  /** Between two walks over few entries; over more it is the grain. */
  private static final Duration PAUSE = Duration.ofMillis(50);

  private static final int FEW = 256;
  private static final long NEVER = Long.MAX_VALUE / 2;

  private final ConcurrentLinkedQueue<Entry> waiting = new ConcurrentLinkedQueue<>();
  private final Thread thread;

  /** When the next walk is, on the scale of {@link System#nanoTime}. */
  private volatile long wakes = System.nanoTime() + NEVER;

  private volatile boolean closed;

  public Deadlines() {
    thread = Thread.ofPlatform().name("kith-deadlines").daemon().start(this::run);
  }

  public void add(Entry entry) {
    waiting.add(entry);
    if (entry.deadlineNanos() - wakes < -GRAIN.toNanos()) {
      LockSupport.unpark(thread);
    }
  }

  private void run() {
    while (!closed) {
      var now = System.nanoTime();
      wakes = now + PAUSE.toNanos(); // no later: who adds behind the walk wakes, or is in time
      var walked = walk(now);
      if (walked.entries() == 0) {
        wakes = now + NEVER;
        if (waiting.isEmpty()) {
          LockSupport.park(this);
        }
      } else {
        var most = walked.entries() > FEW ? GRAIN : PAUSE;
        var pause = Math.clamp(walked.nanosToFirst(), GRAIN.toNanos(), most.toNanos());
        wakes = now + pause;
        var left = pause - (System.nanoTime() - now);
        if (left > 0) {
          LockSupport.parkNanos(this, left);
        }
        rest(now);
      }
    }
  }

  /** Until a grain after the last walk, however often somebody wakes the thread. */
  private void rest(long walkedAt) {
    var left = GRAIN.toNanos();
    while (left > 0 && !closed) {
      left = GRAIN.toNanos() - (System.nanoTime() - walkedAt);
      if (left > 0) {
        LockSupport.parkNanos(this, left);
      }
    }
  }

  /**
   * What a walk found.
   *
   * @param entries that it began with
   * @param nanosToFirst until the first deadline of those that wait on
   */
  private record Walked(int entries, long nanosToFirst) {}

  private Walked walk(long now) {
    var count = 0;
    var first = NEVER;
    for (var entries = waiting.iterator(); entries.hasNext(); count++) {
      var entry = entries.next();
      var left = entry.deadlineNanos() - now;
      if (entry.isDone()) {
        entries.remove();
      } else if (left <= 0) {
        entries.remove();
        expire(entry);
      } else {
        first = Math.min(first, left);
      }
    }
    return new Walked(count, first);
  }

  /** One that fails must not cost the others their end. */
  private static void expire(Entry entry) {
    try {
      entry.expire();
    } catch (RuntimeException | Error thrown) {
      LOG.log(Level.SEVERE, "deadline not told", Map.of(), thrown);
    }
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
  }
}
