package io.kith.baselines.learning;

/** What a store has of a learner's own counters. Not thread-safe. */
final class Written {
  private boolean others;
  private boolean units;
  private int changes = -1;
  private long lastCounters = -1;

  /** Says that the learner holds what other servers saw, from now on. */
  void othersAdded() {
    others = true;
  }

  boolean hasOthers() {
    return others;
  }

  /** Says that a replica-hour was added. */
  void unitsAdded() {
    units = true;
  }

  /** Says that a store lacks all of it again. */
  void unmark() {
    units = true;
    changes = -1;
    lastCounters = -1;
  }

  /** Whether a store lacks more than counts. */
  boolean isFresh(Learner learner) {
    return units || learner.instances.changes() != changes;
  }

  /** Whether a store lacks anything. */
  boolean isUnwritten(Learner learner) {
    return isFresh(learner) || counters(learner) != lastCounters;
  }

  /** Says that a store has it as it is now. */
  void mark(Learner learner) {
    units = false;
    changes = learner.instances.changes();
    lastCounters = counters(learner);
  }

  private static long counters(Learner learner) {
    var latest = learner.latest();
    return (latest == null ? 0 : latest.toEpochMilli() + 1)
        + learner.book.dropped()
        + learner.risky.dropped();
  }
}
