package io.kith.server.control;

import io.kith.server.check.CheckRecord;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * A bounded queue of answers, taken in order by one thread.
 *
 * <p>When it is nearly full, allows are left out and denials still fit, so that a flood of ordinary
 * traffic does not hide a denial. Thread-safe.
 */
final class Answers implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Answers.class.getName());
  private static final int BATCH = 512;

  /*
   * Waking a thread costs a Check more than deciding it, and on one processor the two threads would
   * take turns with every answer. So the first answer wakes the reader, which lets more gather,
   * unless somebody waits for it.
   */
  private static final Duration GATHERED = Duration.ofMillis(20);

  private sealed interface Item {}

  private record Answer(CheckRecord record) implements Item {}

  private record Marker(CountDownLatch passed) implements Item {}

  private record End() implements Item {}

  private final BlockingQueue<Item> queue;
  private final int keptForDenials;
  private final Consumer<CheckRecord> reader;
  private final Thread thread;
  private volatile boolean awaited;

  /**
   * Starts the thread.
   *
   * @param capacity how many answers may wait
   */
  Answers(int capacity, Consumer<CheckRecord> reader) {
    this.queue = new LinkedBlockingQueue<>(capacity); // whoever adds never waits for the reader
    this.keptForDenials = capacity / 4;
    this.reader = reader;
    this.thread = Thread.ofPlatform().name("kith-learning").daemon().start(this::run);
  }

  /** Whether there was room. Never waits. */
  boolean offer(CheckRecord answered, boolean denied) {
    return (denied || queue.remainingCapacity() > keptForDenials)
        && queue.offer(new Answer(answered));
  }

  /** Waits until everything that was offered before has been read. */
  void flush() throws InterruptedException {
    var passed = new CountDownLatch(1);
    put(new Marker(passed));
    while (!passed.await(100, TimeUnit.MILLISECONDS)) {
      requireOpen();
    }
  }

  private void put(Item item) throws InterruptedException {
    awaited = true;
    while (!queue.offer(item, 100, TimeUnit.MILLISECONDS)) {
      requireOpen();
    }
    LockSupport.unpark(thread);
  }

  private void requireOpen() {
    if (!thread.isAlive()) {
      throw new IllegalStateException("closed (expected: an open server)");
    }
  }

  private void run() {
    var batch = new ArrayList<Item>(BATCH);
    while (true) {
      batch.clear();
      try {
        batch.add(queue.take());
        if (!awaited && queue.size() < BATCH) {
          LockSupport.parkNanos(this, GATHERED.toNanos());
        }
      } catch (InterruptedException _) {
        return;
      }
      awaited = false;
      queue.drainTo(batch, BATCH - 1);
      for (var item : batch) {
        switch (item) {
          case Answer(var answered) -> read(answered);
          case Marker(var passed) -> passed.countDown();
          case End() -> {
            return;
          }
        }
      }
    }
  }

  /* One answer that cannot be read must not end the reading of all that follow. */
  private void read(CheckRecord answered) {
    try {
      reader.accept(answered);
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "an answer could not be learned from", e);
    }
  }

  /** Reads what waits, and ends the thread. */
  @Override
  public void close() {
    awaited = true;
    try {
      while (thread.isAlive() && !queue.offer(new End(), 100, TimeUnit.MILLISECONDS)) {
        // full: the thread makes room
      }
      LockSupport.unpark(thread);
      thread.join();
    } catch (InterruptedException _) {
      thread.interrupt();
      Thread.currentThread().interrupt();
    }
  }
}
