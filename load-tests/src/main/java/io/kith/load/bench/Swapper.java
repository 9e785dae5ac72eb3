package io.kith.load.bench;

import io.kith.baselines.decision.Snapshot;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;

/** Compiles snapshots anew and puts them in their places, about a thousand a second. */
final class Swapper implements AutoCloseable {
  private static final long EVERY_NANOS = 1_000_000;

  private final Thread thread;
  private volatile boolean closed;

  Swapper(GeneratedMesh mesh, AtomicReferenceArray<Snapshot> snapshots) {
    thread =
        Thread.ofPlatform()
            .name("swapper")
            .start(
                () -> {
                  var random = new SplittableRandom(1);
                  while (!closed) {
                    var workload = random.nextInt(snapshots.length());
                    snapshots.set(workload, GeneratedMesh.snapshot(mesh.baseline(workload)));
                    LockSupport.parkNanos(EVERY_NANOS);
                  }
                });
  }

  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt(); // it ends by itself
    }
  }
}
