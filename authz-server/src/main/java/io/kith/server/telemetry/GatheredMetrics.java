package io.kith.server.telemetry;

import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The metrics as text, gathered five times a second at most. Who asks sooner waits for the next
 * time, with all others who do: no text is older than its request. Used by the thread of the loop
 * alone.
 */
final class GatheredMetrics {
  private static final long EVERY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  /** Gets the text, or else what went wrong, on the thread of the loop. */
  @FunctionalInterface
  interface Asker {
    void told(String text, @Nullable Throwable failure);
  }

  private final Metrics metrics;
  private final EventLoop loop;
  private final Executor executor;
  private List<Asker> waiting = new ArrayList<>();
  private boolean gathering;
  private long next = System.nanoTime();

  GatheredMetrics(Metrics metrics, EventLoop loop, Executor executor) {
    this.metrics = metrics;
    this.loop = loop;
    this.executor = executor;
  }

  void ask(Asker asker) {
    waiting.add(asker);
    if (!gathering && waiting.size() == 1) {
      gatherInTime();
    }
  }

  private void gatherInTime() {
    var wait = Math.max(0, next - System.nanoTime());
    var _ = loop.schedule(this::gather, wait, TimeUnit.NANOSECONDS);
  }

  private void gather() {
    var askers = waiting;
    waiting = new ArrayList<>();
    gathering = true;
    executor.execute(
        () -> {
          try {
            var text = metrics.text();
            loop.execute(() -> tell(askers, text, null));
          } catch (RuntimeException | Error e) { // who asks later would wait for ever
            loop.execute(() -> tell(askers, "", e));
          }
        });
  }

  private void tell(List<Asker> askers, String text, @Nullable Throwable failure) {
    gathering = false;
    next = System.nanoTime() + EVERY_NANOS;
    if (!waiting.isEmpty()) {
      gatherInTime();
    }
    askers.forEach(asker -> asker.told(text, failure));
  }
}
