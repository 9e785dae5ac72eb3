package io.kith.baselines.learning;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What a store has of a learner's own counters. Not thread-safe. */
final class Written {
  private boolean others;
  private boolean units;
  private int changes = -1;
  private @Nullable Counters counters;

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
    counters = null;
  }

  /** Whether a store lacks more than counts. */
  boolean isFresh(Learner learner) {
    return units || learner.instances.changes() != changes;
  }

  /** Whether a store lacks anything. */
  boolean isUnwritten(Learner learner) {
    return isFresh(learner) || !Counters.of(learner).equals(counters);
  }

  /** Says that a store has it as it is now. */
  void mark(Learner learner) {
    units = false;
    changes = learner.instances.changes();
    counters = Counters.of(learner);
  }

  private record Counters(@Nullable Instant latest, long dropped, long droppedRisk) {
    static Counters of(Learner learner) {
      return new Counters(learner.latest(), learner.book.dropped(), learner.risky.dropped());
    }
  }
}
