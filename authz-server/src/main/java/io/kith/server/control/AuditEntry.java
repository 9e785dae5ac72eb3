package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.Printable;

/**
 * A change that a person made.
 *
 * @param change {@code mode}, {@code baseline} or {@code allow}
 * @param subject what was changed: a scope or an owner
 * @param by who
 * @param note why
 */
public record AuditEntry(
    String change, String subject, String by, String note, String before, String after) {
  public AuditEntry {
    requireNonNull(change, "change");
    requireNonNull(subject, "subject");
    requireNonNull(by, "by");
    requireNonNull(note, "note");
    requireNonNull(before, "before");
    requireNonNull(after, "after");
  }

  /** One line of a log: constant words, then keys with quoted values. */
  public String line() {
    return "changed by an operator change="
        + quoted(change)
        + " subject="
        + quoted(subject)
        + " by="
        + quoted(by)
        + " note="
        + quoted(note)
        + " before="
        + quoted(before)
        + " after="
        + quoted(after);
  }

  /** A note must not be able to look like another line or key. */
  private static String quoted(String value) {
    return '"' + Printable.of(value).replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
