package io.kith.baselines.learning;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * A bounded set of names: those with the smallest hashes.
 *
 * <p>Union is commutative, and two samples of one population are comparable: below the smaller of
 * their {@link #limit()}s each holds every name that it saw. Source: bottom-k sketches, Cohen &amp;
 * Kaplan, PODC 2007.
 */
final class Sample {
  static final int SIZE = 64;

  private final Map<String, Long> names = new HashMap<>(8);
  private long limit = Long.MAX_VALUE;

  boolean add(String name) {
    if (names.containsKey(name)) {
      return false;
    }
    var hash = Hash.of(name);
    if (hash > limit) {
      return false;
    }
    names.put(name, hash);
    if (names.size() > SIZE) {
      names.remove(largest());
      limit = Hash.of(largest());
    }
    return true;
  }

  private String largest() {
    return names.entrySet().stream()
        .max(Map.Entry.<String, Long>comparingByValue().thenComparing(Map.Entry.comparingByKey()))
        .orElseThrow()
        .getKey();
  }

  void addAll(Sample other) {
    other.names.keySet().forEach(this::add);
  }

  /** Names with a larger hash are not held. */
  long limit() {
    return limit;
  }

  int size() {
    return names.size();
  }

  boolean contains(String name) {
    return names.containsKey(name);
  }

  Set<String> names() {
    return Set.copyOf(names.keySet());
  }
}
