package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.server.check.Answered;
import io.kith.server.check.CheckFacts;
import io.kith.server.check.FlatTable;
import io.kith.server.check.Policy;
import io.kith.server.check.SocketPair;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Connections that were allowed and may be open still: of the last day, the latest 100,000. When
 * what decides for their workload changes under enforce, they are decided again. What had passed
 * undecided ends then, unless its process became known late.
 *
 * <p>A pod with more than its share makes room for others, by its oldest. Thread-safe.
 */
public final class OpenFlows {
  private static final Duration KEPT = Duration.ofDays(1);
  private static final int MAX = 100_000;

  private final InstantSource clock;
  private final int max;
  private final ConcurrentHashMap<Pod, Share> shares = new ConcurrentHashMap<>();
  private final AtomicInteger size = new AtomicInteger();
  private final LongAdder forgotten = new LongAdder();
  private volatile @Nullable Pod largest;

  private record Pod(Owner owner, IpAddress address) {}

  /**
   * A connection of a pod, and what it was allowed by.
   *
   * @param flow null when it passed undecided
   */
  private record Kept(SocketPair connection, @Nullable Flow flow) {
    boolean passes(Snapshot snapshot, Instant now) {
      return snapshot.mode() != Mode.ENFORCE
          || (flow != null
              && Decider.decide(snapshot, flow, now).applied() instanceof Verdict.Allow);
    }
  }

  /** Connections of a pod, oldest first; touched only within a call of {@link #shares}. */
  private static final class Share {
    /*
     * A row: the far end's address and both ports, milliseconds of the clock; its flow, null when it
     * passed undecided, and what decided it, null when it is to be decided in any case.
     */
    private static final int KEY = 3;
    private static final int SINCE = KEY;
    private static final int FLOW = 0;
    private static final int DECIDED_BY = 1;

    private final FlatTable oldestFirst = new FlatTable(KEY, KEY + 1, 2);

    /** For who only looks: may be of a moment ago. */
    private volatile int size;

    private volatile Workload workload;

    Share(Workload workload) {
      this.workload = workload;
    }

    private static long[] row(SocketPair connection, long since) {
      return new long[] {
        connection.destinationHigh(), connection.destinationLow(), connection.ports(), since
      };
    }

    private int find(SocketPair connection) {
      return oldestFirst.find(row(connection, 0));
    }

    /** Behind all others; true when it was not there. */
    boolean put(
        SocketPair connection, @Nullable Flow flow, long since, @Nullable Snapshot decidedBy) {
      var before = oldestFirst.size();
      var _ = oldestFirst.add(row(connection, since), flow, decidedBy);
      return oldestFirst.size() > before;
    }

    boolean has(SocketPair connection) {
      return find(connection) >= 0;
    }

    boolean remove(SocketPair connection) {
      var row = find(connection);
      if (row >= 0) {
        oldestFirst.remove(row);
      }
      return row >= 0;
    }

    boolean removeOldest() {
      var row = oldestFirst.eldest();
      if (row >= 0) {
        oldestFirst.remove(row);
      }
      return row >= 0;
    }

    boolean hasBefore(long oldest) {
      var row = oldestFirst.eldest();
      return row >= 0 && oldestFirst.number(row, SINCE) < oldest;
    }

    @SuppressWarnings("ReferenceEquality") // the snapshot itself
    List<Kept> decidedByAnother(Snapshot current, IpAddress source) {
      var found = new ArrayList<Kept>();
      for (var row = oldestFirst.eldest(); row >= 0; row = oldestFirst.after(row)) {
        if (oldestFirst.object(row, DECIDED_BY) != current) {
          found.add(
              new Kept(
                  new SocketPair(
                      source.high(),
                      source.low(),
                      oldestFirst.number(row, 0),
                      oldestFirst.number(row, 1),
                      (int) oldestFirst.number(row, 2)),
                  (Flow) oldestFirst.object(row, FLOW)));
        }
      }
      return found;
    }

    /** Takes note of what passes by a snapshot, if it is still the same. */
    @SuppressWarnings("ReferenceEquality")
    void decided(Kept kept, Snapshot by) {
      var row = find(kept.connection);
      if (row >= 0 && oldestFirst.object(row, FLOW) == kept.flow) {
        oldestFirst.set(row, DECIDED_BY, by);
      }
    }

    private @Nullable Share changed() {
      size = oldestFirst.size();
      return size == 0 ? null : this;
    }
  }

  public OpenFlows(InstantSource clock) {
    this(clock, MAX);
  }

  OpenFlows(InstantSource clock, int max) {
    this.clock = requireNonNull(clock, "clock");
    this.max = max;
  }

  /** Takes note of an answer. */
  public void answered(Answered answered) {
    var record = answered.record();
    var workload = record.workload();
    if (!(answered.facts() instanceof CheckFacts.Connection connection)
        || connection.protocol() != Protocol.TCP
        || workload == null
        || record.routine()) { // it was taken note of with those before it
      return;
    }
    var key = SocketPair.of(connection.source(), connection.destination());
    var pod = new Pod(workload.owner(), connection.source().address());
    if (record.decision().applied() instanceof Verdict.Allow) {
      keep(pod, workload, key, answered);
    } else {
      remove(pod, key);
    }
  }

  private void keep(Pod pod, Workload workload, SocketPair connection, Answered answered) {
    var record = answered.record();
    var share =
        shares.compute(
            pod,
            (_, before) -> {
              var its = before == null ? new Share(workload) : before;
              its.workload = workload; // of whom the directory may know more by now
              if ((!record.repeated() || !its.has(connection))
                  && its.put(
                      connection,
                      record.flow(),
                      record.time().toEpochMilli(),
                      answered.snapshot())) {
                size.incrementAndGet();
              }
              return its.changed();
            });
    if (size.get() > max) {
      var room = share != null && share.size > fair() ? pod : largest();
      if (room != null) {
        forgetOldest(room);
      }
    }
  }

  private int fair() {
    return max / Math.max(1, shares.size());
  }

  /** Looked for only when the one found last has no more than the others. */
  private @Nullable Pod largest() {
    var before = largest;
    var its = before == null ? null : shares.get(before);
    if (its != null && its.size > fair()) {
      return before;
    }
    Pod found = null;
    var most = 0;
    for (var share : shares.entrySet()) {
      if (share.getValue().size > most) {
        most = share.getValue().size;
        found = share.getKey();
      }
    }
    largest = found;
    return found;
  }

  private void forgetOldest(Pod pod) {
    shares.computeIfPresent(
        pod,
        (_, share) -> {
          forgetFirst(share);
          return share.changed();
        });
  }

  private void forgetFirst(Share share) {
    if (share.removeOldest()) {
      size.decrementAndGet();
      forgotten.increment();
    }
  }

  private void remove(Pod pod, SocketPair connection) {
    shares.computeIfPresent(
        pod,
        (_, share) -> {
          if (share.remove(connection)) {
            size.decrementAndGet();
          }
          return share.changed();
        });
  }

  /** The connections that would be denied by what decides now, and were allowed by another. */
  List<SocketPair> revoked(Policy policy) {
    var now = clock.instant();
    var denied = new ArrayList<SocketPair>();
    for (var share : shares.entrySet()) {
      var pod = share.getKey();
      var snapshot = policy.ready(share.getValue().workload);
      forgetBefore(now.minus(KEPT).toEpochMilli(), pod);
      if (snapshot == null) {
        continue; // decided once there is one
      }
      var passing = new ArrayList<Kept>();
      for (var kept : decidedByAnother(snapshot, pod)) {
        if (kept.passes(snapshot, now)) {
          passing.add(kept);
        } else {
          denied.add(kept.connection);
          remove(pod, kept.connection);
        }
      }
      decided(passing, snapshot, pod);
    }
    return denied;
  }

  private void forgetBefore(long oldest, Pod pod) {
    shares.computeIfPresent(
        pod,
        (_, share) -> {
          while (share.hasBefore(oldest)) {
            forgetFirst(share);
          }
          return share.changed();
        });
  }

  private List<Kept> decidedByAnother(Snapshot current, Pod pod) {
    var found = new ArrayList<Kept>();
    shares.computeIfPresent(
        pod,
        (_, share) -> {
          found.addAll(share.decidedByAnother(current, pod.address()));
          return share;
        });
    return found;
  }

  private void decided(List<Kept> passing, Snapshot by, Pod pod) {
    if (!passing.isEmpty()) {
      shares.computeIfPresent(
          pod,
          (_, share) -> {
            passing.forEach(kept -> share.decided(kept, by));
            return share;
          });
    }
  }

  /** How many are remembered. */
  public long size() {
    return size.get();
  }

  /** How many were forgotten, after a day or for later ones. */
  public long forgotten() {
    return forgotten.sum();
  }
}
