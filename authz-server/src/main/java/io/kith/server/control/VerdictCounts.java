package io.kith.server.control;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Verdict.Deny;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Every Check that was answered, by verdict and reason. Thread-safe, never loses one. */
final class VerdictCounts {
  private final ConcurrentHashMap<Key, LongAdder> counts = new ConcurrentHashMap<>();

  private record Key(String verdict, String reason) {}

  void add(Decision decision) {
    var reason = decision.applied() instanceof Deny(_, var why) ? why.code() : "";
    var key = new Key(decision.applied().word(), reason);
    var count = counts.get(key); // takes no lock
    (count == null ? counts.computeIfAbsent(key, _ -> new LongAdder()) : count).increment();
  }

  List<VerdictCount> now() {
    return counts.entrySet().stream()
        .map(
            entry ->
                new VerdictCount(
                    entry.getKey().verdict(), entry.getKey().reason(), entry.getValue().sum()))
        .sorted(Comparator.comparing(VerdictCount::verdict).thenComparing(VerdictCount::reason))
        .toList();
  }
}
