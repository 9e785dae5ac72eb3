package io.kith.server.check;

import io.kith.baselines.identity.SpiffeId;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * The places of Checks that wait for something. One reporter has a quarter of them at most, so that
 * a pod whose bridge is slow does not take those of all others. Thread-safe, without a lock.
 */
final class WaitingPlaces {
  /*
   * Reporters are told apart by a hash of their SPIFFE IDs. Two of a few thousand that share a slot
   * share a quarter, and nothing has to be forgotten.
   */
  private static final int SLOTS = 1 << 12;
  private static final int SHARES = 4;

  private final int most;
  private final int share;
  private final AtomicInteger taken = new AtomicInteger();
  private final AtomicIntegerArray bySlot = new AtomicIntegerArray(SLOTS);

  WaitingPlaces(int most) {
    this.most = most;
    this.share = Math.max(1, most / SHARES);
  }

  private static int slot(SpiffeId reporter) {
    var hash = reporter.hashCode();
    return (hash ^ hash >>> 16) & (SLOTS - 1);
  }

  /** Takes a place; false when there is none for this reporter. */
  boolean take(SpiffeId reporter) {
    var slot = slot(reporter);
    if (bySlot.incrementAndGet(slot) <= share) {
      if (taken.incrementAndGet() <= most) {
        return true;
      }
      taken.decrementAndGet();
    }
    bySlot.decrementAndGet(slot);
    return false;
  }

  /** Gives back a place that this reporter took. */
  void leave(SpiffeId reporter) {
    taken.decrementAndGet();
    bySlot.decrementAndGet(slot(reporter));
  }

  int taken() {
    return taken.get();
  }
}
