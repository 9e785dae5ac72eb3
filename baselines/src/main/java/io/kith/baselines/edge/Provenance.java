package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Where an edge came from. Ids are made of its text, which therefore stays as it is. */
public sealed interface Provenance {
  /** Seen often enough by the learner. */
  record Learned() implements Provenance {
    @Override
    public String toString() {
      return "Learned[]";
    }
  }

  /**
   * Allowed for a while after a rollout, although nobody approved it; marked for a person.
   *
   * @param why the new version, in words
   */
  record Grace(String why, Instant until) implements Provenance {
    public Grace {
      requireNonNull(why, "why");
      requireNonNull(until, "until");
    }

    @Override
    public String toString() {
      return "Grace[why=" + why + ", until=" + until + "]";
    }
  }

  /**
   * Allowed by a person.
   *
   * @param by who
   * @param note why; not blank
   * @param until when it ends, or null for never
   */
  record ByHand(String by, String note, @Nullable Instant until) implements Provenance {
    public ByHand {
      requireNonNull(by, "by");
      if (note.isBlank()) {
        throw new IllegalArgumentException("note: blank (expected: why this is allowed)");
      }
    }

    @Override
    public String toString() {
      return "ByHand[by=" + by + ", note=" + note + ", until=" + until + "]";
    }
  }

  /** For people. */
  default String words() {
    return switch (this) {
      case Learned() -> "learned";
      case Grace(var why, _) -> "allowed for now: " + why;
      case ByHand(var by, _, _) -> "by hand (" + by + ")";
    };
  }

  /** Whether the edge has ended at that time. */
  default boolean endedAt(Instant now) {
    var until = until();
    return until != null && !now.isBefore(until);
  }

  /** When it ends, or null for never. */
  default @Nullable Instant until() {
    return switch (this) {
      case Learned() -> null;
      case Grace(_, var end) -> end;
      case ByHand(_, _, var end) -> end;
    };
  }
}
