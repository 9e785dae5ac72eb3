package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.RunningProcess;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/** A process that stands still again and again, and goes on for a moment in between. */
final class Stutter {
  /** Longer than Envoy waits. */
  private static final Duration STANDSTILL = Duration.ofMillis(1_500);

  private static final Duration STEP = Duration.ofMillis(100);

  private final AtomicBoolean done = new AtomicBoolean();
  private final CompletableFuture<Integer> standstills = new CompletableFuture<>();

  private Stutter() {}

  static Stutter of(RunningProcess process) {
    var stutter = new Stutter();
    Thread.ofVirtual().name("stutter").start(() -> stutter.run(process));
    return stutter;
  }

  private void run(RunningProcess process) {
    try {
      var times = 0;
      while (!done.get()) {
        process.freeze();
        Thread.sleep(STANDSTILL);
        process.thaw();
        Thread.sleep(STEP);
        times++;
      }
      standstills.complete(times);
    } catch (Exception e) {
      standstills.completeExceptionally(e);
    }
  }

  /** Lets it go on. */
  void end() {
    done.set(true);
    assertThat(standstills.join()).isPositive();
  }
}
