package io.kith.baselines.learning;

import java.util.Arrays;
import java.util.List;

/**
 * How many distinct replica-hours showed something: exact up to {@value #EXACT}, estimated beyond.
 *
 * <p>Holds the smallest hashes, so that merging is commutative. Source: k minimum values,
 * Bar-Yossef et al., RANDOM 2002.
 */
final class Units {
  static final int EXACT = 64;

  private long[] smallest = new long[4];
  private int size;
  private int changes;

  /** Adds one by its hash; true when that changed what is held. */
  boolean add(long hash) {
    var value = hash & Long.MAX_VALUE;
    var at = Arrays.binarySearch(smallest, 0, size, value);
    if (at >= 0 || (size == EXACT && -at - 1 == EXACT)) {
      return false;
    }
    at = -at - 1;
    if (size < EXACT) {
      if (size == smallest.length) {
        smallest = Arrays.copyOf(smallest, size * 2);
      }
      size++;
    }
    System.arraycopy(smallest, at, smallest, at + 1, size - at - 1);
    smallest[at] = value;
    changes++;
    return true;
  }

  void addAll(Units other) {
    for (var i = 0; i < other.size; i++) {
      add(other.smallest[i]);
    }
  }

  /** The smallest hashes, in order; adding them to another is as adding this. */
  List<Long> smallest() {
    return Arrays.stream(smallest, 0, size).boxed().toList();
  }

  /** Grows when one is added. */
  int changes() {
    return changes;
  }

  double count() {
    return size < EXACT ? size : (EXACT - 1) / (smallest[EXACT - 1] / (double) Long.MAX_VALUE);
  }
}
