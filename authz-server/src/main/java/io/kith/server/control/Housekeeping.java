package io.kith.server.control;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Calls {@link ControlState#tidy} at an interval, and reads now and then what other servers
 * learned, on a thread of its own, until closed.
 */
public final class Housekeeping implements AutoCloseable {
  /** How soon after learning is complete a baseline is proposed. */
  public static final Duration INTERVAL = Duration.ofSeconds(10);

  private static final System.Logger LOG = System.getLogger(Housekeeping.class.getName());

  /** What other servers learned is read with every such call. */
  private static final int OTHERS_EVERY = 6;

  private final ControlState state;
  private final Duration interval;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;
  private int rounds;

  public Housekeeping(ControlState state, Duration interval) {
    this.state = state;
    this.interval = interval;
    this.thread = Thread.ofPlatform().daemon().name("kith-housekeeping").start(this::run);
  }

  private void run() {
    try {
      while (!closed.await(interval.toMillis(), TimeUnit.MILLISECONDS)) {
        tidy();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void tidy() {
    try {
      if (++rounds % OTHERS_EVERY == 0) {
        state.readOthers();
      }
      state.tidy();
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "what was due was not done; it is tried again", e);
    }
  }

  /** Waits for what it is at, a second at most. */
  @Override
  public void close() {
    closed.countDown();
    try {
      thread.join(Duration.ofSeconds(1));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
