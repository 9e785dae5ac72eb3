package io.kith.bridge.guard;

import io.kith.baselines.identity.IpAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What pods were told about names, the latest {@value #NAMES_PER_POD} of each. Thread-safe.
 *
 * <p>Each fact has a number that grows, so that a reader can ask for what is new.
 */
public final class DnsMemory {
  static final int NAMES_PER_POD = 1_024;
  private static final int PODS = 4_096;

  private final Map<String, Map<String, Fact>> byPod = new HashMap<>(); // guarded by this
  private long next = 1; // guarded by this

  /**
   * What a pod was told about a name.
   *
   * @param number greater than that of every fact before
   */
  public record Fact(long number, String pod, DnsAnswer answer) {}

  /** Takes in an answer; the addresses of several answers about one name add up, to 64. */
  synchronized void heard(String pod, DnsAnswer answer) {
    var names = byPod.get(pod);
    if (names == null) {
      if (byPod.size() >= PODS) {
        return;
      }
      names = new LinkedHashMap<>();
      byPod.put(pod, names);
    }
    var before = names.remove(answer.name());
    var addresses = new LinkedHashSet<IpAddress>(answer.addresses());
    if (before != null) {
      addresses.addAll(before.answer().addresses());
    }
    var merged =
        new DnsAnswer(answer.name(), addresses.stream().limit(64).toList(), answer.ttlSeconds());
    names.put(answer.name(), new Fact(next++, pod, merged));
    if (names.size() > NAMES_PER_POD) {
      names.remove(names.keySet().iterator().next());
    }
  }

  /** The facts after one with a number, the oldest first, at most so many. */
  public synchronized List<Fact> after(long number, int most) {
    if (number + 1 >= next) {
      return List.of();
    }
    var found = new ArrayList<Fact>();
    byPod.values().forEach(names -> found.addAll(names.values()));
    return found.stream()
        .filter(fact -> fact.number() > number)
        .sorted(Comparator.comparingLong(Fact::number))
        .limit(most)
        .toList();
  }

  /** How many names are remembered. */
  public synchronized int size() {
    return byPod.values().stream().mapToInt(Map::size).sum();
  }

  /** Forgets the pods that are gone. */
  synchronized void keep(Set<String> pods) {
    byPod.keySet().retainAll(pods);
  }
}
