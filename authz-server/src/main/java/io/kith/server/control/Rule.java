package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Something that a person wrote for a workload, by hand or in a file, as people are shown it.
 *
 * @param process in words
 * @param destination in words
 * @param until when it ends, or null for never
 * @param where {@code by hand}, or file, line and column
 * @param lastUsed when a flow needed it, or null when this server saw none
 */
public record Rule(
    String id,
    Owner owner,
    Action action,
    String process,
    String destination,
    String by,
    String note,
    @Nullable Instant until,
    String where,
    @Nullable Instant lastUsed) {
  /** What it does. */
  public enum Action {
    ALLOW,
    DENY,
    QUARANTINE;

    /** For logs and people. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public Rule {
    requireNonNull(id, "id");
    requireNonNull(owner, "owner");
    requireNonNull(action, "action");
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(by, "by");
    requireNonNull(note, "note");
    requireNonNull(where, "where");
  }

  static Rule byHand(Owner owner, Action action, Edge edge) {
    if (!(edge.provenance() instanceof Provenance.ByHand(var by, var note, var until))) {
      throw new IllegalArgumentException(
          edge.id() + " is " + edge.provenance().words() + " (expected: by hand)");
    }
    return new Rule(
        edge.id(),
        owner,
        action,
        edge.process().words(),
        edge.destination().words(),
        by,
        note,
        until,
        "by hand",
        null);
  }

  /** The rule by hand with that id, or null. */
  static @Nullable Rule find(Owner owner, Standing standing, String id) {
    for (var action : Action.values()) {
      for (var edge : edges(standing, action)) {
        if (edge.id().equals(id)) {
          return byHand(owner, action, edge);
        }
      }
    }
    return null;
  }

  /** Those that had not ended long before. */
  static List<Edge> edges(Standing standing, Action action, Instant now) {
    return Standing.current(edges(standing, action), now.minus(Standing.KEPT_AFTER_END));
  }

  static List<Edge> edges(Standing standing, Action action) {
    return switch (action) {
      case ALLOW -> standing.allowed();
      case DENY -> standing.denied();
      case QUARANTINE -> standing.quarantined();
    };
  }

  /** Whether it ended long before. */
  boolean isPast(Instant now) {
    return until != null && !now.minus(Standing.KEPT_AFTER_END).isBefore(until);
  }

  Rule usedAt(@Nullable Instant last) {
    return new Rule(id, owner, action, process, destination, by, note, until, where, last);
  }
}
