package io.kith.bridge.turns;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Threads whose work comes from many, none of whom can take them from the others: each has its own
 * queue, they are served in turns, and a few threads at most work for one at the same time. So what
 * one of them makes slow, or makes much of, is for itself to wait for.
 *
 * <p>Threads are started as they are needed and end when there was nothing to do for a while. Tasks
 * of one begin in the order in which they came. Thread-safe.
 *
 * @param <K> for whom something is done; by equality
 */
public final class FairExecutor<K> implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(FairExecutor.class.getName());
  private static final Duration IDLE = Duration.ofSeconds(10);

  private final Limits limits;
  private final ThreadPoolExecutor pool;
  private final Map<K, Lane<K>> lanes = new HashMap<>(); // guarded by this
  private final Deque<Lane<K>> turns = new ArrayDeque<>(); // guarded by this; may begin a task
  private int working; // guarded by this
  private int waiting; // guarded by this
  private boolean closed; // guarded by this

  /**
   * How much is done at a time.
   *
   * @param threads that work at the same time, 1 or more
   * @param threadsOfOne of those, for one; 1 or more
   * @param waiting tasks that have not begun
   * @param waitingOfOne of those, of one
   */
  public record Limits(int threads, int threadsOfOne, int waiting, int waitingOfOne) {
    public Limits {
      if (threads < 1 || threadsOfOne < 1 || waiting < 1 || waitingOfOne < 1) {
        throw new IllegalArgumentException(
            "limits: %d, %d, %d, %d (expected: each 1 or more)"
                .formatted(threads, threadsOfOne, waiting, waitingOfOne));
      }
    }
  }

  /** The tasks of one. It has a turn while it has tasks and threads left. */
  private static final class Lane<K> {
    private final K key;
    private final Deque<Runnable> tasks = new ArrayDeque<>();
    private int working;
    private boolean hasTurn;

    private Lane(K key) {
      this.key = key;
    }
  }

  private record Turn<K>(Lane<K> lane, Runnable task) {}

  /**
   * Without threads yet.
   *
   * @param name of the threads, before a number
   */
  public FairExecutor(String name, Limits limits) {
    this.limits = limits;
    // How many there are is counted here, so the pool has no limit: a thread that is on its way
    // back to it would otherwise have the next task refused. The latest to come back goes first.
    this.pool =
        new ThreadPoolExecutor(
            0,
            Integer.MAX_VALUE,
            IDLE.toMillis(),
            TimeUnit.MILLISECONDS,
            new SynchronousQueue<>(),
            Thread.ofPlatform().daemon().name(name, 0).factory());
  }

  /**
   * Has something done for one.
   *
   * @throws RejectedExecutionException when too much waits, or after the end
   */
  public void execute(K key, Runnable task) {
    synchronized (this) {
      var lane = lanes.get(key);
      if (closed
          || waiting >= limits.waiting
          || (lane != null && lane.tasks.size() >= limits.waitingOfOne)) {
        throw new RejectedExecutionException("too much waits");
      }
      if (lane == null) {
        lane = new Lane<>(key);
        lanes.put(key, lane);
      }
      lane.tasks.add(task);
      waiting++;
      giveTurn(lane);
      if (working == limits.threads || turns.isEmpty()) {
        return; // who works already takes it
      }
      working++;
    }
    pool.execute(this::work);
  }

  private void giveTurn(Lane<K> lane) {
    if (!lane.hasTurn && !lane.tasks.isEmpty() && lane.working < limits.threadsOfOne) {
      lane.hasTurn = true;
      turns.add(lane);
    }
  }

  private void work() {
    for (var turn = next(null); turn != null; turn = next(turn.lane)) {
      try {
        turn.task.run();
      } catch (Throwable e) {
        LOG.log(System.Logger.Level.ERROR, "a mistake inside", e);
      }
    }
  }

  /**
   * What is to be done next; null when there is nothing, and the thread does not work any more.
   *
   * @param done for whom the thread has just worked
   */
  private synchronized @Nullable Turn<K> next(@Nullable Lane<K> done) {
    if (done != null) {
      done.working--;
      giveTurn(done);
      if (done.working == 0 && done.tasks.isEmpty()) {
        lanes.remove(done.key);
      }
    }
    var lane = turns.poll();
    if (lane == null) {
      working--;
      return null;
    }
    lane.hasTurn = false;
    lane.working++;
    var task = lane.tasks.remove();
    waiting--;
    giveTurn(lane);
    return new Turn<>(lane, task);
  }

  /** Tasks that have not begun. */
  public synchronized int waiting() {
    return waiting;
  }

  /** Begins nothing any more, and interrupts what is being done. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      lanes.values().forEach(lane -> lane.tasks.clear());
      turns.clear();
      waiting = 0;
    }
    pool.shutdownNow();
  }
}
