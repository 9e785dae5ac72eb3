package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessClass;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Flows that are never learned by themselves, with why.
 *
 * <p>Apart from the {@link Book}, so that they neither count nor spoil an edge that is clean
 * elsewhere. Bounded; a scan fills a counter.
 */
final class RiskBook {
  private static final int MAX = 512;

  private final int max;
  private final Map<Key, Entry> entries = new HashMap<>();
  private long dropped;

  record Key(ProcessClass process, Exact destination) {}

  /** Why, and how often. */
  record Entry(String why, Sightings sightings) {}

  RiskBook(LearningSettings settings) {
    this.max = Math.min(MAX, settings.maxEdges());
  }

  void add(Observation seen, Reach reach, String why) {
    var key = new Key(seen.process().processClass(), Exact.of(seen.destination()));
    var entry = entries.get(key);
    if (entry == null) {
      if (entries.size() >= max) {
        dropped++;
        return;
      }
      entry = new Entry(why, new Sightings());
      entries.put(key, entry);
    }
    entry.sightings.add(seen, reach);
  }

  void merge(RiskBook other) {
    other.entries.forEach(
        (key, theirs) -> {
          var ours = entries.get(key);
          var why = ours == null || theirs.why.compareTo(ours.why) < 0 ? theirs.why : ours.why;
          var sightings = ours == null ? new Sightings() : ours.sightings;
          sightings.merge(theirs.sightings);
          entries.put(key, new Entry(why, sightings));
        });
    dropped += other.dropped;
  }

  void forget(ProcessClass process) {
    entries.keySet().removeIf(key -> key.process().equals(process));
  }

  void forEach(BiConsumer<Key, Entry> action) {
    entries.forEach(action);
  }

  int size() {
    return entries.size();
  }

  long dropped() {
    return dropped;
  }
}
