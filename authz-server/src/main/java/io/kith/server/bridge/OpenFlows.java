package io.kith.server.bridge;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.Workload;
import io.kith.server.check.Answered;
import io.kith.server.check.CheckFacts;
import io.kith.server.check.Policy;
import io.kith.server.check.SocketEnd;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Connections that were allowed and may be open still: the latest 100,000 of a day. When what
 * decides for their workload changes under enforce, they are decided again. Thread-safe.
 */
public final class OpenFlows {
  private static final Duration KEPT = Duration.ofDays(1);
  private static final long MAX = 100_000;

  private final InstantSource clock;
  private final Cache<Connection, Kept> open =
      Caffeine.newBuilder().maximumSize(MAX).expireAfterWrite(KEPT).executor(Runnable::run).build();

  /**
   * A connection as its proxy sees it.
   *
   * @param source near end
   * @param destination where the application connected to
   */
  record Connection(SocketEnd source, SocketEnd destination) {
    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Connection that
          && source.equals(that.source)
          && destination.equals(that.destination);
    }

    @Override
    public int hashCode() {
      return 31 * source.hashCode() + destination.hashCode();
    }
  }

  private static final class Kept {
    private final Workload workload;
    private final Flow flow;
    private volatile @Nullable Snapshot decidedBy;

    Kept(Workload workload, Flow flow, @Nullable Snapshot decidedBy) {
      this.workload = workload;
      this.flow = flow;
      this.decidedBy = decidedBy;
    }
  }

  public OpenFlows(InstantSource clock) {
    this.clock = clock;
  }

  /** Takes note of an answer. */
  public void answered(Answered answered) {
    var record = answered.record();
    var workload = record.workload();
    var flow = record.flow();
    if (!(answered.facts() instanceof CheckFacts.Connection connection)
        || connection.protocol() != Protocol.TCP
        || workload == null
        || flow == null
        || record.routine()) { // it was taken note of with those before it
      return;
    }
    var key = new Connection(connection.source(), connection.destination());
    if (record.decision().applied() instanceof Verdict.Allow) {
      if (!record.repeated() || !open.asMap().containsKey(key)) {
        open.put(key, new Kept(workload, flow, answered.snapshot()));
      }
    } else {
      open.invalidate(key);
    }
  }

  /** The connections that would be denied by what decides now, and were allowed by another. */
  List<Connection> revoked(Policy policy) {
    var now = clock.instant();
    var current = new HashMap<Workload, Snapshot>();
    var denied = new ArrayList<Connection>();
    open.asMap()
        .forEach(
            (connection, kept) -> {
              var snapshot = current.computeIfAbsent(kept.workload, policy::ready);
              if (snapshot == null || snapshot == kept.decidedBy) {
                return;
              }
              if (snapshot.mode() == Mode.ENFORCE
                  && Decider.decide(snapshot, kept.flow, now).applied() instanceof Verdict.Deny) {
                denied.add(connection);
              } else {
                kept.decidedBy = snapshot;
              }
            });
    denied.forEach(open::invalidate);
    return denied;
  }

  /** How many are remembered. */
  public long size() {
    return open.estimatedSize();
  }
}
