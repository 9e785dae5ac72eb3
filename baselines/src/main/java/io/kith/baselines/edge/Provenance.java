package io.kith.baselines.edge;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Where an edge came from. */
public sealed interface Provenance {
  /** Seen often enough by the learner. */
  record Learned() implements Provenance {}

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
  }

  /** For people. */
  default String words() {
    return switch (this) {
      case Learned() -> "learned";
      case ByHand(var by, _, _) -> "by hand (" + by + ")";
    };
  }

  /** Whether the edge has ended at that time. */
  default boolean endedAt(Instant now) {
    return this instanceof ByHand(_, _, var until) && until != null && !now.isBefore(until);
  }
}
