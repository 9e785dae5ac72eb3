package io.kith.server.check;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.identity.Workload;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One snapshot for all, and the records that came. */
public final class InMemoryPolicy implements Policy {
  private final List<CheckRecord> records = new CopyOnWriteArrayList<>();
  private final Sidecars sidecars = new Sidecars(InstantSource.system());
  private volatile Runnable beforeRecord = () -> {};
  private volatile @Nullable CompletionStage<?> coming;
  private volatile Supplier<Snapshot> snapshot = () -> Samples.snapshot(Mode.ENFORCE);

  private final NodeBridges nodeBridges = new NodeBridges();

  private volatile Inbound inbound = Inbound.ACCEPT;

  /** What every workload asks of requests that come in. */
  public void ask(Inbound now) {
    inbound = now;
  }

  @Override
  public Inbound inbound(Workload callee) {
    return inbound;
  }

  public void decideBy(Snapshot now) {
    snapshot = () -> now;
  }

  public void decideBy(Supplier<Snapshot> how) {
    snapshot = how;
  }

  /** Runs whenever something is to be recorded, before it is. */
  public void beforeRecord(Runnable task) {
    beforeRecord = task;
  }

  public List<CheckRecord> records() {
    return records;
  }

  @Override
  public Snapshot snapshot(Workload workload) {
    return snapshot.get();
  }

  @Override
  public @Nullable Snapshot ready(Workload workload) {
    return coming(workload) == null ? snapshot(workload) : null;
  }

  /** There is a snapshot only when this ends; null: from the beginning. */
  public void comesWith(@Nullable CompletionStage<?> stage) {
    coming = stage;
  }

  @Override
  public @Nullable CompletionStage<?> coming(Workload workload) {
    var stage = coming;
    if (stage == null) {
      return null;
    }
    var future = stage.toCompletableFuture();
    return future.isDone() && !future.isCompletedExceptionally() ? null : stage;
  }

  @Override
  public NodeBridges nodeBridges() {
    return nodeBridges;
  }

  @Override
  public Sidecars sidecars() {
    return sidecars;
  }

  @Override
  public void record(CheckRecord answered) {
    beforeRecord.run();
    records.add(answered);
  }
}
