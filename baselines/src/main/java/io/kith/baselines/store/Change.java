package io.kith.baselines.store;

import static java.util.Objects.requireNonNull;

import java.time.Instant;

/**
 * Something that a person, or the learner, decided: also the audit record of it.
 *
 * <p>No text holds NUL or half a surrogate pair, so that a store returns what it got.
 *
 * @param at when, by the clock of the server that took it
 * @param author who, as the admin API authenticated them
 * @param note why, in their words; not blank
 * @param kind what sort of change, as {@code mode} or {@code enforce}; lower case
 * @param subject what it is about: an owner or a scope
 * @param body JSON that the kind gives its shape
 */
public record Change(
    Instant at, String author, String note, String kind, String subject, String body) {
  public Change {
    requireNonNull(at, "at");
    StoredText.check(author, "author");
    StoredText.check(note, "note");
    if (note.isBlank()) {
      throw new IllegalArgumentException("note: blank (expected: why it was done)");
    }
    if (kind.isBlank()) {
      throw new IllegalArgumentException("kind: blank (expected: a word)");
    }
    StoredText.check(kind, "kind");
    StoredText.check(subject, "subject");
    StoredText.check(body, "body");
  }
}
