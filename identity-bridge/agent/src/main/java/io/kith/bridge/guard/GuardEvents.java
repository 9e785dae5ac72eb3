package io.kith.bridge.guard;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.process.BoundedMap;
import io.kith.bridge.process.Identified;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Attempts, added up by what the process is: many runs of one program are one event. Bounded: a
 * scan fills one row. For one thread; the events may be read by any.
 */
final class GuardEvents {
  static final int MOST = 1_024;

  /** A question takes a while; the rest is asked at the next look. */
  private static final int NAMED_AT_ONCE = 64;

  /** Looks for which a process may stay unknown: on a busy node its exec is told late. */
  private static final int PATIENCE = 5;

  private final Function<Owner, Identified> names;
  private final SequencedMap<Key, Counted> counted = new LinkedHashMap<>();
  private final Map<Row, Sum> sums = new HashMap<>();
  private final BoundedMap<Key, Integer> looks = new BoundedMap<>(MOST); // at who is unknown
  private volatile List<GuardEvent> events = List.of();

  /** An attempt's place in the kernel's table. */
  private record Key(
      long cgroup, IpAddress destination, int port, int protocol, GuardReason reason, int pid) {}

  private record Counted(Row row, long seen, long refused) {}

  private record Row(
      String pod,
      String fingerprintId,
      GuardReason reason,
      @Nullable IpAddress destination,
      int port,
      int protocol) {}

  private static final class Sum {
    private final @Nullable ProcessFingerprint fingerprint;
    private long seen;
    private long refused;

    Sum(@Nullable ProcessFingerprint fingerprint) {
      this.fingerprint = fingerprint;
    }
  }

  GuardEvents(Function<Owner, Identified> names) {
    this.names = names;
  }

  /**
   * Takes in what the kernel has counted.
   *
   * @param pods by guarded cgroup; attempts of others are left
   */
  void add(List<Attempt> attempts, Map<Long, String> pods) {
    var asked = 0;
    var changed = false;
    for (var attempt : attempts) {
      var pod = pods.get(attempt.cgroup());
      var key =
          new Key(
              attempt.cgroup(),
              attempt.destination(),
              attempt.port(),
              attempt.protocol(),
              attempt.reason(),
              attempt.owner().pid());
      var before = counted.get(key);
      if (pod == null || (before == null && ++asked > NAMED_AT_ONCE)) {
        continue;
      }
      // Fewer than before: the kernel had given the row up and began anew.
      var again = before != null && attempt.seen() >= before.seen() ? before : null;
      var seen = attempt.seen() - (again == null ? 0 : again.seen());
      if (seen > 0) {
        var row = before == null ? row(pod, key, attempt) : before.row();
        if (row == null) {
          continue;
        }
        var sum = sums.get(row);
        if (sum != null) {
          sum.seen += seen;
          sum.refused += attempt.refused() - (again == null ? 0 : again.refused());
        }
        counted.put(key, new Counted(row, attempt.seen(), attempt.refused()));
        changed = true;
      }
    }
    while (counted.size() > 8 * MOST) {
      counted.pollFirstEntry();
    }
    if (changed) {
      publish();
    }
  }

  /** Null when it is not known yet who it was, and may be at the next look. */
  private @Nullable Row row(String pod, Key key, Attempt attempt) {
    var named = attempt.owner().pid() == 0 ? null : names.apply(attempt.owner());
    if (named != null && named.fingerprint().path().isEmpty()) {
      var before = looks.get(key);
      var now = before == null ? 1 : before + 1;
      looks.put(key, now);
      if (now <= PATIENCE) {
        return null;
      }
    }
    var row =
        new Row(
            pod,
            named == null ? "" : named.id(),
            attempt.reason(),
            attempt.destination(),
            attempt.port(),
            attempt.protocol());
    if (sums.containsKey(row)) {
      return row;
    }
    if (sums.size() < MOST) {
      sums.put(row, new Sum(named == null ? null : named.fingerprint()));
      return row;
    }
    var rest = new Row(pod, "", attempt.reason(), null, 0, 0);
    sums.computeIfAbsent(rest, _ -> new Sum(null));
    return rest;
  }

  private void publish() {
    var all = new ArrayList<GuardEvent>(sums.size());
    sums.forEach(
        (row, sum) ->
            all.add(
                new GuardEvent(
                    row.pod(),
                    row.fingerprintId(),
                    sum.fingerprint,
                    row.reason(),
                    row.destination(),
                    row.port(),
                    row.protocol(),
                    sum.seen,
                    sum.refused)));
    events = List.copyOf(all);
  }

  /** Forgets the pods that are gone. */
  void keep(Set<String> pods) {
    if (sums.keySet().removeIf(row -> !pods.contains(row.pod()))) {
      counted.values().removeIf(one -> !pods.contains(one.row().pod()));
      publish();
    }
  }

  /** All there are, with their counts since the bridge started. */
  List<GuardEvent> events() {
    return events;
  }
}
