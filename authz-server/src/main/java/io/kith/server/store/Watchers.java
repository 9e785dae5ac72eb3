package io.kith.server.store;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Those who want to know of new entries, called one after the other by one thread.
 *
 * <p>They are called when {@link #wake} was, and every second anyway: another server may have
 * written, and not every store tells. Calls that come while one is going on become one.
 */
final class Watchers implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Watchers.class.getName());
  private static final Duration PERIOD = Duration.ofSeconds(1);

  private final List<Watch> watches = new CopyOnWriteArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean woken;
  private boolean closed;

  Watchers() {
    Thread.ofPlatform().daemon().name("kith-store-watch").start(this::run);
  }

  /** One call of {@link #add}: the same callback may be added twice. */
  private static final class Watch {
    final Runnable callback;

    Watch(Runnable callback) {
      this.callback = callback;
    }
  }

  AutoCloseable add(Runnable callback) {
    var watch = new Watch(callback);
    watches.add(watch);
    return () -> watches.remove(watch);
  }

  /** Calls everybody soon, from the other thread. */
  void wake() {
    lock.lock();
    try {
      woken = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    while (awaitTurn()) {
      for (var watch : watches) {
        try {
          watch.callback.run();
        } catch (Throwable e) { // an error too: nobody else would call them from then on
          LOG.log(Level.ERROR, "store watcher failed", e);
        }
      }
    }
  }

  /** False when closed. */
  private boolean awaitTurn() {
    lock.lock();
    try {
      var left = PERIOD.toNanos();
      while (!woken && !closed && left > 0) {
        left = changed.awaitNanos(left);
      }
      woken = false;
      return !closed;
    } catch (InterruptedException _) {
      return false;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }
}
