package io.kith.baselines.learning;

import java.util.Collection;
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
    return add(name, Hash.of(name));
  }

  /**
   * Adds a name; true when that changed what is held.
   *
   * @param hash its {@link Hash}
   */
  boolean add(String name, long hash) {
    if (hash > limit || names.containsKey(name)) {
      return false;
    }
    names.put(name, hash);
    if (names.size() > SIZE) {
      var last = largest();
      names.remove(last);
      limit = Hash.of(largest());
      return !last.equals(name);
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
    other.names.forEach(this::add);
    limitTo(other.limit);
  }

  /** What the other one may have left out is left out here too, else the two are no sample. */
  private void limitTo(long other) {
    if (other < limit) {
      limit = other;
      names.values().removeIf(hash -> hash > limit);
    }
  }

  /** A sample as it was written: with names that it left out, the largest one is its limit. */
  static Sample of(Collection<String> names, boolean more) {
    var sample = new Sample();
    names.forEach(sample::add);
    if (more && !sample.names.isEmpty()) {
      sample.limitTo(Hash.of(sample.largest()));
    }
    return sample;
  }

  /** Whether there were names that it does not hold. */
  boolean hasMore() {
    return limit != Long.MAX_VALUE;
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
