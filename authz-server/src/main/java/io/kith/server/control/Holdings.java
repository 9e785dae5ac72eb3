package io.kith.server.control;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * The workloads that a server on a node holds: those of the pods that its bridges registered, and
 * those that a Check came from. Thread-safe; asking takes no lock.
 *
 * <p>A workload is held from the moment that its snapshot is compiled, until ten minutes after the
 * last sign of it.
 */
final class Holdings implements AutoCloseable {
  /** A bridge that restarts comes back sooner, and so does a pod that is replaced. */
  static final Duration LINGER = Duration.ofMinutes(10);

  /** For a bridge to tell its pods. */
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final System.Logger LOG = System.getLogger(Holdings.class.getName());

  private final WorkloadDirectory directory;
  private final Loader loader;
  private final InstantSource clock;
  private final Instant began;
  private final ConcurrentHashMap<Owner, Instant> held = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Owner, CompletableFuture<Void>> coming =
      new ConcurrentHashMap<>();
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("kith-hold").factory());
  private volatile PodSource source = PodSource.NONE;
  private volatile boolean told;
  private volatile boolean complete;

  /** What is done to hold a workload, and to release it. */
  interface Loader {
    /**
     * Compiles its snapshot.
     *
     * @param begun to be called when entries about it begin to be folded
     * @throws IOException when that is not possible now
     */
    void load(Workload workload, Runnable begun) throws IOException;

    /**
     * Forgets it.
     *
     * @param begun to be called when entries about it are not folded any more
     */
    void unload(Owner owner, Runnable begun);
  }

  Holdings(WorkloadDirectory directory, Loader loader, InstantSource clock) {
    this.directory = directory;
    this.loader = loader;
    this.clock = clock;
    this.began = clock.instant();
  }

  /** Takes a Check for a sign of life. */
  void touch(Owner owner) {
    held.computeIfPresent(owner, (_, _) -> clock.instant());
  }

  /** Whether entries about it are folded. */
  boolean has(Owner owner) {
    return held.containsKey(owner);
  }

  /** All of them. */
  Set<Owner> owners() {
    return Set.copyOf(held.keySet());
  }

  void follow(PodSource pods) {
    source = pods;
    pods.tell(this::told);
    if (!pods.running().isEmpty()) {
      told();
    }
  }

  private void told() {
    lookAtPods();
    told = true;
  }

  /**
   * What lacks until the workloads of a bridge's pods are held, in words; empty from then on, also
   * while the bridge is gone and when others come, and after a minute in any case: Checks find out
   * themselves what lacks.
   */
  String incomplete() {
    if (!complete) {
      var late = clock.instant().isAfter(began.plus(PATIENCE));
      if (!told && !late) {
        return "no bridge has told its pods yet";
      }
      var missing = coming.size();
      if (missing > 0 && !late) {
        return "reading what is decided by for " + missing + " workloads";
      }
      complete = true;
    }
    return "";
  }

  private void lookAtPods() {
    for (var pod : source.running()) {
      var workload = workloadOf(pod, directory);
      if (workload != null) {
        var _ = want(workload); // it says by itself when that fails
      }
    }
  }

  /** Whose pod it is, or null when that is not known. */
  static @Nullable Workload workloadOf(RunningPod pod, WorkloadDirectory directory) {
    for (var id : pod.attested()) {
      var speaking = directory.speaking(id, pod.address());
      if (speaking != null) {
        return speaking;
      }
    }
    return directory.at(pod.address());
  }

  /**
   * Holds it from now on.
   *
   * @return completed when its snapshot is there, exceptionally when it cannot be had now
   */
  CompletableFuture<Void> want(Workload workload) {
    var owner = workload.owner();
    var now = clock.instant();
    return held.computeIfPresent(owner, (_, _) -> now) != null && !coming.containsKey(owner)
        ? CompletableFuture.completedFuture(null)
        : bring(workload);
  }

  /**
   * The same for one that is not there, though it may be held still: it is being released.
   *
   * @return completed when its snapshot is there, exceptionally when it cannot be had now
   */
  CompletableFuture<Void> bring(Workload workload) {
    var owner = workload.owner();
    var fresh = new CompletableFuture<Void>();
    var before = coming.putIfAbsent(owner, fresh);
    if (before != null) {
      return before;
    }
    thread.execute(() -> load(workload, fresh));
    return fresh;
  }

  private void load(Workload workload, CompletableFuture<Void> done) {
    var owner = workload.owner();
    try {
      if (!held.containsKey(owner)) {
        loader.load(workload, () -> held.put(owner, clock.instant()));
      }
      coming.remove(owner);
      done.complete(null);
    } catch (IOException | RuntimeException | Error e) { // else it would come for ever
      LOG.log(Level.WARNING, "the snapshot of " + owner + " cannot be made", e);
      held.remove(owner);
      coming.remove(owner);
      done.completeExceptionally(new CompletionException(e));
    }
  }

  /** Releases what had no sign of life for long. */
  void tidy() {
    lookAtPods();
    var end = clock.instant().minus(LINGER);
    held.forEach(
        (owner, last) -> {
          if (last.isBefore(end)) {
            thread.execute(() -> release(owner, end));
          }
        });
  }

  private void release(Owner owner, Instant end) {
    var last = held.get(owner);
    if (last != null && last.isBefore(end)) {
      loader.unload(owner, () -> held.remove(owner));
    }
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
