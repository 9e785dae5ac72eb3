package io.kith.baselines.learning;

import java.util.Arrays;
import java.util.Collection;
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

  private String[] names = new String[4];
  private long[] hashes = new long[4];
  private int size;
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
    if (hash > limit || contains(name, hash)) {
      return false;
    }
    if (size == names.length) {
      names = Arrays.copyOf(names, size * 2);
      hashes = Arrays.copyOf(hashes, size * 2);
    }
    names[size] = name;
    hashes[size++] = hash;
    if (size > SIZE) {
      var last = largest();
      var isOther = last != size - 1;
      remove(last);
      limit = hashes[largest()];
      return isOther;
    }
    return true;
  }

  private int largest() {
    var largest = 0;
    for (var i = 1; i < size; i++) {
      if (hashes[i] > hashes[largest]
          || (hashes[i] == hashes[largest] && names[i].compareTo(names[largest]) > 0)) {
        largest = i;
      }
    }
    return largest;
  }

  private void remove(int index) {
    size--;
    names[index] = names[size];
    hashes[index] = hashes[size];
  }

  void addAll(Sample other) {
    for (var i = 0; i < other.size; i++) {
      add(other.names[i], other.hashes[i]);
    }
    limitTo(other.limit);
  }

  /** What the other one may have left out is left out here too, else the two are no sample. */
  private void limitTo(long other) {
    if (other < limit) {
      limit = other;
      for (var i = size - 1; i >= 0; i--) {
        if (hashes[i] > limit) {
          remove(i);
        }
      }
    }
  }

  /** A sample as it was written: with names that it left out, the largest one is its limit. */
  static Sample of(Collection<String> names, boolean more) {
    var sample = new Sample();
    names.forEach(sample::add);
    if (more && sample.size > 0) {
      sample.limitTo(sample.hashes[sample.largest()]);
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
    return size;
  }

  boolean contains(String name) {
    return contains(name, Hash.of(name));
  }

  /**
   * Whether it holds a name.
   *
   * @param hash its {@link Hash}
   */
  boolean contains(String name, long hash) {
    for (var i = 0; i < size; i++) {
      if (hashes[i] == hash && names[i].equals(name)) {
        return true;
      }
    }
    return false;
  }

  Set<String> names() {
    return Set.of(Arrays.copyOf(names, size));
  }
}
