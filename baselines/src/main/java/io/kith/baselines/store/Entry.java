package io.kith.baselines.store;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * A change at its place in the log.
 *
 * @param position 1 for the first, without gaps
 * @param seal signature over the seal before, the position and the change, so that a row that was
 *     altered, removed or put back is seen; opaque to the store
 */
public record Entry(long position, Change change, String seal) {
  public Entry {
    if (position < 1) {
      throw new IllegalArgumentException("position: " + position + " (expected: from 1)");
    }
    requireNonNull(change, "change");
    StoredText.check(seal, "seal");
  }

  /** All of it but its position, as text: at, author, note, kind, subject, body, seal. */
  public List<String> texts() {
    return List.of(
        change.at().toString(),
        change.author(),
        change.note(),
        change.kind(),
        change.subject(),
        change.body(),
        seal);
  }
}
