package io.kith.server.kubernetes.resource;

import io.kith.server.waiting.BackOff;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Writes statuses one after the other, no more than so many a second, the latest of each object
 * only; what fails is tried again, later and later. Thread-safe.
 */
final class StatusWriter implements Statuses, AutoCloseable {
  private static final System.Logger LOG = System.getLogger(StatusWriter.class.getName());
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(15);

  private final Api api;
  private final Duration between;
  private final Map<Target, Map<String, Object>> waiting = new LinkedHashMap<>();
  private final LongAdder written = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private final Thread thread;
  private boolean closed;

  /** An object of the API server. */
  record Target(Kind kind, String namespace, String name) {}

  /** What the writer needs of an API server. */
  interface Api {
    /**
     * Applies a status.
     *
     * @return null, or why it is not written and may be tried again; an object that is not there is
     *     nothing to be tried again
     */
    @Nullable String apply(Target target, Map<String, Object> status);
  }

  StatusWriter(Api api, Duration between) {
    this.api = api;
    this.between = between;
    this.thread = Thread.ofPlatform().name("kith-cluster-status").daemon().start(this::run);
  }

  @Override
  public void put(ClusterObject object, Map<String, Object> status) {
    if (!isSo(status, object.status())) {
      put(new Target(object.kind(), object.namespace(), object.name()), status);
    }
  }

  /** Whether the object says so already; fields that nobody writes here do not count. */
  static boolean isSo(Map<String, Object> status, Map<String, Object> there) {
    return status.entrySet().stream()
        .allMatch(entry -> same(entry.getValue(), there.get(entry.getKey())));
  }

  private static boolean same(Object one, @Nullable Object other) {
    return switch (one) {
      case Number number -> other instanceof Number same && same.longValue() == number.longValue();
      case List<?> list when list.isEmpty() -> other == null || list.equals(other);
      case List<?> list ->
          other instanceof List<?> others
              && others.size() == list.size()
              && java.util.stream.IntStream.range(0, list.size())
                  .allMatch(i -> same(list.get(i), others.get(i)));
      case Map<?, ?> map ->
          other instanceof Map<?, ?> others
              && map.keySet().equals(new LinkedHashSet<>(others.keySet()))
              && map.entrySet().stream()
                  .allMatch(entry -> same(entry.getValue(), others.get(entry.getKey())));
      default -> one.equals(other);
    };
  }

  /** Takes a status that is to be written in any case. */
  synchronized void put(Target target, Map<String, Object> status) {
    if (!closed) {
      waiting.put(target, status);
      notifyAll();
    }
  }

  /** Forgets what waits: another server writes now. */
  synchronized void clear() {
    waiting.clear();
  }

  /** Statuses that wait to be written. */
  synchronized int waiting() {
    return waiting.size();
  }

  long written() {
    return written.sum();
  }

  long failures() {
    return failures.sum();
  }

  private void run() {
    var backOff = new BackOff(FIRST_PAUSE, LONGEST_PAUSE);
    var said = "";
    try {
      while (true) {
        Target target;
        Map<String, Object> status;
        synchronized (this) {
          while (waiting.isEmpty() && !closed) {
            wait();
          }
          if (closed) {
            return;
          }
          var next = waiting.entrySet().iterator().next();
          target = next.getKey();
          status = next.getValue();
          waiting.remove(target);
        }
        var problem = apply(target, status);
        if (problem == null) {
          written.increment();
          backOff.reset();
          said = "";
          Thread.sleep(between);
          continue;
        }
        failures.increment();
        if (!problem.equals(said)) {
          said = problem;
          LOG.log(
              Level.WARNING,
              () -> "statuses are not written, tried again: that of " + target + ": " + problem);
        }
        synchronized (this) {
          waiting.putIfAbsent(target, status); // a newer one may have come meanwhile
        }
        Thread.sleep(backOff.next());
      }
    } catch (InterruptedException _) {
      // closed
    }
  }

  private @Nullable String apply(Target target, Map<String, Object> status) {
    try {
      return api.apply(target, status);
    } catch (RuntimeException | Error e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    thread.interrupt();
  }
}
