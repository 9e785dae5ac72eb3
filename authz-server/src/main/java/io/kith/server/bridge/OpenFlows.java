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
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Answered;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.CheckFacts;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.FlatTable;
import io.kith.server.check.Policy;
import io.kith.server.check.SocketPair;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Connections that were allowed and may be open still: of the last day, the latest 100,000. When
 * what decides for their workload changes under enforce, or what allowed them had an end, they are
 * decided again: to each destination that was allowed on them, where requests went to several. What
 * had passed undecided ends then, unless its process became known late. One that fails stays here
 * until its bridge says that it is gone.
 *
 * <p>A pod with more than its share makes room for others, by its oldest. Thread-safe.
 */
public final class OpenFlows {
  private static final BoundedLog LOG = new BoundedLog(OpenFlows.class, 1);
  private static final Duration KEPT = Duration.ofDays(1);
  private static final int MAX = 100_000;

  private final InstantSource clock;
  private final LongSupplier nanos;
  private final int max;
  private final ConcurrentHashMap<Pod, Share> shares = new ConcurrentHashMap<>();
  private final AtomicInteger size = new AtomicInteger();
  private final LongAdder forgotten = new LongAdder();
  private volatile @Nullable Pod largest;

  private record Pod(Owner owner, IpAddress address) {}

  /** Destinations of a connection's requests; of one with more nothing is known. */
  private static final int MAX_DESTINATIONS = 4;

  private static final Object TOO_MANY = new Object();

  private enum Passes {
    NOT,
    FOR_NOW,
    UNTIL_A_CHANGE
  }

  /**
   * A connection of a pod, and what was allowed on it.
   *
   * @param flows one, or a list of several; null when it passed undecided
   * @param seenNanos when that was
   */
  private record Kept(SocketPair connection, @Nullable Object flows, long seenNanos) {
    Passes passes(Snapshot snapshot, Instant now) {
      if (snapshot.mode() != Mode.ENFORCE) {
        return Passes.UNTIL_A_CHANGE;
      }
      var passes = Passes.UNTIL_A_CHANGE;
      var all = all(flows);
      for (var flow : all) {
        switch (passes(flow, Decider.decide(snapshot, flow, now).applied())) {
          case NOT -> {
            return Passes.NOT;
          }
          case FOR_NOW -> passes = Passes.FOR_NOW;
          case UNTIL_A_CHANGE -> {}
        }
      }
      return all.isEmpty() ? Passes.NOT : passes;
    }

    static Passes passes(@Nullable Flow flow, Verdict verdict) {
      return switch (verdict) {
        case Verdict.Deny _ -> Passes.NOT;
        case Verdict.Allow(var edge) ->
            (edge != null && edge.provenance().until() != null) || isOfSeveral(flow)
                ? Passes.FOR_NOW
                : Passes.UNTIL_A_CHANGE;
      };
    }

    /** The verdict names what allows the first of them. */
    private static boolean isOfSeveral(@Nullable Flow flow) {
      return flow != null
          && flow.attribution() instanceof Attribution.Attributed(var candidates, _, _)
          && candidates.size() > 1;
    }

    private static List<Flow> all(@Nullable Object flows) {
      return switch (flows) {
        case Flow one -> List.of(one);
        case List<?> several -> several.stream().map(Flow.class::cast).toList();
        case null, default -> List.of();
      };
    }

    /** With a request's; one that passed undecided is known better now. */
    static @Nullable Object and(@Nullable Object before, @Nullable Flow flow) {
      if (before == null) {
        return flow;
      }
      if (flow == null) {
        return null;
      }
      if (before == TOO_MANY) {
        return TOO_MANY;
      }
      var others =
          all(before).stream().filter(one -> !flow.resolved().includes(one.resolved())).toList();
      if (others.isEmpty()) {
        return flow;
      }
      if (others.size() == MAX_DESTINATIONS) {
        return TOO_MANY;
      }
      var several = new ArrayList<Object>(others);
      several.add(flow);
      return List.copyOf(several);
    }
  }

  /** A connection that lost its permission and was not said to be gone. */
  final class Revoked {
    private final Pod pod;
    private final Kept kept;

    private Revoked(Pod pod, Kept kept) {
      this.pod = pod;
      this.kept = kept;
    }

    SocketPair connection() {
      return kept.connection;
    }

    /**
     * How long ago it was allowed last: one with the same ends that was opened since is another.
     */
    Duration seenAgo() {
      return Duration.ofNanos(nanos.getAsLong() - kept.seenNanos);
    }

    /** Is gone: forgotten, unless something was allowed with the same ends since. */
    void ended() {
      remove(pod, share -> share.remove(kept));
    }
  }

  /** Connections of a pod, oldest first; touched only within a call of {@link #shares}. */
  private static final class Share {
    /*
     * A row: the far end's address and both ports, when it was allowed last; its flows, null when it
     * passed undecided, and what decided all of them, null when it is to be decided in any case.
     */
    private static final int KEY = 3;
    private static final int SINCE = KEY;
    private static final int FLOWS = 0;
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
        SocketPair connection, @Nullable Object flows, long since, @Nullable Snapshot decidedBy) {
      var before = oldestFirst.size();
      var _ = oldestFirst.add(row(connection, since), flows, decidedBy);
      return oldestFirst.size() > before;
    }

    /** A request's, beside those that were allowed on its connection before. */
    @SuppressWarnings("ReferenceEquality")
    boolean putRequest(
        SocketPair connection, @Nullable Flow flow, long since, @Nullable Snapshot decidedBy) {
      var row = find(connection);
      if (row < 0) {
        return put(connection, flow, since, decidedBy);
      }
      var same = oldestFirst.object(row, DECIDED_BY) == decidedBy;
      var flows = Kept.and(oldestFirst.object(row, FLOWS), flow);
      return put(connection, flows, since, same ? decidedBy : null);
    }

    boolean has(SocketPair connection) {
      return find(connection) >= 0;
    }

    /** Whether this is among what was allowed on it, by all its names; or cannot be said. */
    boolean has(SocketPair connection, @Nullable Flow flow) {
      var row = find(connection);
      var flows = row < 0 ? null : Kept.all(oldestFirst.object(row, FLOWS));
      return flows != null
          && (flow == null
              || flows.isEmpty()
              || flows.stream().anyMatch(one -> one.resolved().includes(flow.resolved())));
    }

    boolean remove(SocketPair connection) {
      var row = find(connection);
      if (row >= 0) {
        oldestFirst.remove(row);
      }
      return row >= 0;
    }

    /** If nothing was allowed on it since. */
    boolean remove(Kept kept) {
      var row = find(kept.connection);
      return row >= 0
          && oldestFirst.number(row, SINCE) == kept.seenNanos
          && remove(kept.connection);
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
      return row >= 0 && oldestFirst.number(row, SINCE) - oldest < 0;
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
                  oldestFirst.object(row, FLOWS),
                  oldestFirst.number(row, SINCE)));
        }
      }
      return found;
    }

    /** Takes note of what passes by a snapshot, if it is still the same. */
    @SuppressWarnings("ReferenceEquality")
    void decided(Kept kept, Snapshot by) {
      var row = find(kept.connection);
      if (row >= 0 && oldestFirst.object(row, FLOWS) == kept.flows) {
        oldestFirst.set(row, DECIDED_BY, by);
      }
    }

    private @Nullable Share changed() {
      size = oldestFirst.size();
      return size == 0 ? null : this;
    }
  }

  public OpenFlows(InstantSource clock) {
    this(clock, System::nanoTime, MAX);
  }

  /**
   * The same.
   *
   * @param nanos as {@link System#nanoTime}
   * @param max connections
   */
  OpenFlows(InstantSource clock, LongSupplier nanos, int max) {
    this.clock = requireNonNull(clock, "clock");
    this.nanos = requireNonNull(nanos, "nanos");
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
    var request = connection.layer() == CheckFacts.Layer.L7;
    var passes = Kept.passes(record.flow(), record.decision().applied());
    if (passes != Passes.NOT) {
      var decidedBy = passes == Passes.FOR_NOW ? null : answered.snapshot();
      keep(pod, workload, key, record, request, decidedBy);
    } else if (!request) { // a request that is refused leaves its connection open
      remove(pod, share -> share.remove(key));
    }
  }

  private void keep(
      Pod pod,
      Workload workload,
      SocketPair connection,
      CheckRecord record,
      boolean request,
      @Nullable Snapshot decidedBy) {
    var since = nanos.getAsLong();
    var share =
        shares.compute(
            pod,
            (_, before) -> {
              var its = before == null ? new Share(workload) : before;
              its.workload = workload; // of whom the directory may know more by now
              if (!record.repeated()
                  || !(request ? its.has(connection, record.flow()) : its.has(connection))) {
                var isNew =
                    request
                        ? its.putRequest(connection, record.flow(), since, decidedBy)
                        : its.put(connection, record.flow(), since, decidedBy);
                if (isNew) {
                  size.incrementAndGet();
                }
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

  /**
   * Removes one of a pod's.
   *
   * @param from says whether it was there
   */
  private void remove(Pod pod, Predicate<Share> from) {
    shares.computeIfPresent(
        pod,
        (_, share) -> {
          if (from.test(share)) {
            size.decrementAndGet();
          }
          return share.changed();
        });
  }

  /**
   * The connections that would be denied by what decides now, and were allowed by another; each
   * time again, until {@link Revoked#ended}.
   *
   * @param reachable whether somebody can end those of a pod's address; others stay for later
   */
  List<Revoked> revoked(Policy policy, Predicate<IpAddress> reachable) {
    var now = clock.instant();
    var denied = new ArrayList<Revoked>();
    for (var share : shares.entrySet()) {
      var pod = share.getKey();
      var snapshot = policy.ready(share.getValue().workload);
      forgetBefore(nanos.getAsLong() - KEPT.toNanos(), pod);
      if (snapshot == null || !reachable.test(pod.address())) {
        continue; // decided once there is one
      }
      var passing = new ArrayList<Kept>();
      for (var kept : decidedByAnother(snapshot, pod)) {
        switch (passes(kept, snapshot, now)) {
          case UNTIL_A_CHANGE -> passing.add(kept);
          case FOR_NOW -> {} // asked again with each look
          case NOT -> denied.add(new Revoked(pod, kept));
        }
      }
      decided(passing, snapshot, pod);
    }
    return denied;
  }

  /** What cannot be decided has no permission, and keeps nothing else its own. */
  private static Passes passes(Kept kept, Snapshot snapshot, Instant now) {
    try {
      return kept.passes(snapshot, now);
    } catch (RuntimeException | Error thrown) {
      LOG.log(
          Level.SEVERE,
          "a mistake inside while an open connection was decided again: it is ended",
          Map.of(
              "source", kept.connection.source().toString(),
              "destination", kept.connection.destination().toString()),
          thrown);
      return Passes.NOT;
    }
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
