package io.kith.server.control;

import io.kith.baselines.change.BlastRadiusGuard.Denial;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * Denials that the guard at a control server would count, until they are told there. Thread-safe.
 *
 * <p>Bounded: when nobody fetches them, the oldest go; they would not count any more anyway.
 */
final class FleetDenials {
  static final int MAX = 1_000;
  private static final Duration KEPT = Duration.ofMinutes(1);

  private record Key(
      Owner owner, String revision, IpAddress pod, ProcessClass process, Destination destination) {}

  private record Counted(FleetDenial denial, Instant last) {}

  private final LinkedHashMap<Key, Counted> waiting = new LinkedHashMap<>();

  synchronized void add(Owner owner, String revision, IpAddress pod, Denial denial) {
    var key = new Key(owner, revision, pod, denial.process().processClass(), denial.destination());
    var before = waiting.remove(key);
    var count = before == null ? 1 : before.denial().count() + 1;
    if (waiting.size() >= MAX) {
      waiting.pollFirstEntry();
    }
    waiting.put(
        key,
        new Counted(
            new FleetDenial(
                owner,
                revision,
                pod,
                count,
                denial.process(),
                denial.destination(),
                denial.reason()),
            denial.at()));
  }

  /** Hands each out once. */
  synchronized List<FleetDenial> take(Instant now) {
    var taken = new ArrayList<FleetDenial>();
    for (var one : waiting.values()) {
      if (one.last().isAfter(now.minus(KEPT))) {
        taken.add(one.denial());
      }
    }
    waiting.clear();
    return taken;
  }
}
