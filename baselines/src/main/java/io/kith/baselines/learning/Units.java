package io.kith.baselines.learning;

import java.util.List;

/**
 * How many distinct replica-hours showed something: exact up to {@value #EXACT}, estimated beyond.
 *
 * <p>Holds the smallest hashes, so that merging is commutative. Source: k minimum values,
 * Bar-Yossef et al., RANDOM 2002.
 */
final class Units {
  static final int EXACT = 64;

  private final Longs smallest = new Longs(EXACT);
  private int changes;

  /** Adds one by its hash; true when that changed what is held. */
  boolean add(long hash) {
    var isNew = smallest.addSmall(hash & Long.MAX_VALUE);
    changes += isNew ? 1 : 0;
    return isNew;
  }

  void addAll(Units other) {
    smallest.addSmall(other.smallest);
    changes++;
  }

  /** The smallest hashes, in order; adding them to another is as adding this. */
  List<Long> smallest() {
    return smallest.list();
  }

  /** Grows when one is added. */
  int changes() {
    return changes;
  }

  double count() {
    var size = smallest.size();
    return size < EXACT ? size : (EXACT - 1) / (smallest.at(EXACT - 1) / (double) Long.MAX_VALUE);
  }
}
