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
   * check itself. So entries only stand in a queue, and one thread walks over all of them every few
   * milliseconds: it drops what is done and tells what is late. The number waiting is bounded by
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

  private final ConcurrentLinkedQueue<Entry> waiting = new ConcurrentLinkedQueue<>();
  private final Thread thread;
  private volatile boolean asleep;
  private volatile boolean closed;

  public Deadlines() {
    thread = Thread.ofPlatform().name("kith-deadlines").daemon().start(this::run);
  }

  public void add(Entry entry) {
    waiting.add(entry);
    if (asleep) {
      LockSupport.unpark(thread);
    }
  }

  private void run() {
    while (!closed) {
      if (waiting.isEmpty()) {
        asleep = true;
        if (waiting.isEmpty()) {
          LockSupport.park(this);
        }
        asleep = false;
      }
      LockSupport.parkNanos(this, GRAIN.toNanos());
      sweep(System.nanoTime());
    }
  }

  private void sweep(long now) {
    for (var entries = waiting.iterator(); entries.hasNext(); ) {
      var entry = entries.next();
      if (entry.isDone()) {
        entries.remove();
      } else if (now - entry.deadlineNanos() >= 0) {
        entries.remove();
        expire(entry);
      }
    }
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
