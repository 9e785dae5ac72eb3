package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessClass;
import java.util.ArrayList;
import java.util.Comparator;
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
    other.entries.forEach(this::absorb);
    dropped += other.dropped;
    trim();
  }

  /** Adds what another one has; {@link #trim} is due afterwards. */
  void absorb(Key key, Entry theirs) {
    var ours = entries.get(key);
    var why = ours == null || theirs.why.compareTo(ours.why) < 0 ? theirs.why : ours.why;
    var sightings = ours == null ? new Sightings() : ours.sightings;
    sightings.merge(theirs.sightings);
    entries.put(key, new Entry(why, sightings));
  }

  /** Drops what came last until the bound is kept. */
  void trim() {
    if (entries.size() <= max) {
      return;
    }
    var latestFirst = new ArrayList<>(entries.entrySet());
    latestFirst.sort(
        Comparator.comparing((Map.Entry<Key, Entry> entry) -> entry.getValue().sightings.first())
            .thenComparing(entry -> entry.getKey().toString())
            .reversed());
    for (var entry : latestFirst.subList(0, entries.size() - max)) {
      dropped += entry.getValue().sightings.evidence().connections();
      entries.remove(entry.getKey());
    }
  }

  void addDropped(long more) {
    dropped += more;
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
