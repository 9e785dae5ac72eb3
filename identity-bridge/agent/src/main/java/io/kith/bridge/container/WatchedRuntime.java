package io.kith.bridge.container;

import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A runtime with how it is doing: one that does not answer is left alone for a while, which doubles
 * up to half a minute. Thread-safe.
 */
final class WatchedRuntime implements AutoCloseable {
  private static final long FIRST_PAUSE_NANOS = 1_000_000_000;
  private static final int MAX_DOUBLINGS = 5;

  private final ContainerRuntime runtime;
  private final LongSupplier nanoTime;
  private final AtomicLong answers = new AtomicLong();
  private final AtomicLong failures = new AtomicLong();
  private int failuresInRow; // guarded by this
  private long pausedUntil; // guarded by this
  private volatile @Nullable String problem;

  WatchedRuntime(ContainerRuntime runtime, LongSupplier nanoTime) {
    this.runtime = runtime;
    this.nanoTime = nanoTime;
  }

  /** Whether its socket is there. */
  boolean isThere() {
    return Files.exists(runtime.socket());
  }

  /** Why it cannot be asked now, or null. */
  @Nullable String problem() {
    return problem;
  }

  /**
   * Asks, or not while it is left alone.
   *
   * @return null when it does not know the container
   * @throws IOException when there is no answer
   */
  @Nullable ContainerFacts inspect(String id) throws IOException {
    synchronized (this) {
      if (problem != null && nanoTime.getAsLong() - pausedUntil < 0) {
        throw new IOException(problem);
      }
    }
    try {
      var facts = runtime.inspect(id);
      answered();
      return facts;
    } catch (IOException e) {
      throw failed(e.getMessage(), e);
    } catch (RuntimeException e) {
      throw failed("answers what cannot be read: " + e, e);
    }
  }

  private synchronized void answered() {
    answers.incrementAndGet();
    failuresInRow = 0;
    problem = null;
  }

  private synchronized IOException failed(@Nullable String why, Exception cause) {
    failures.incrementAndGet();
    pausedUntil =
        nanoTime.getAsLong() + (FIRST_PAUSE_NANOS << Math.min(failuresInRow++, MAX_DOUBLINGS));
    var words = runtime.name() + ": " + why;
    problem = words;
    return new IOException(words, cause);
  }

  /** How it does, in a line. */
  String words() {
    var why = problem;
    if (why == null && !isThere()) {
      return runtime.name() + ": not there";
    }
    return why == null
        ? runtime.name() + ": " + answers + " answers, " + failures + " failures"
        : why + " (" + answers + " answers, " + failures + " failures)";
  }

  long failures() {
    return failures.get();
  }

  @Override
  public void close() {
    runtime.close();
  }
}
