package io.kith.baselines.change;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The revisions of one workload, oldest first, and where each is in its life.
 *
 * <p>Never changed: a step makes new revisions. At most one is enforced, one in shadow and one
 * proposed. Every step says by whom and why.
 */
public record Revisions(Owner owner, List<Entry> entries) {
  private static final String REJECTED = "rejected: ";
  private static final String ROLLED_BACK = "rolled back: ";

  /**
   * A revision and its place in life.
   *
   * @param since when it came to that state
   * @param by who brought it there
   * @param why in words; not blank
   * @param wasEnforced it decided at some time, so that a rollback may return to it
   * @param leftByAPerson a person rejected it or rolled back from it, and it did not decide since;
   *     to draft it again changes nothing of that
   */
  public record Entry(
      Baseline baseline,
      RevisionState state,
      Instant since,
      String by,
      String why,
      boolean wasEnforced,
      boolean leftByAPerson) {
    public Entry {
      requireNonNull(baseline, "baseline");
      requireNonNull(state, "state");
      requireNonNull(since, "since");
      requireNonNull(by, "by");
      if (why.isBlank()) {
        throw new IllegalArgumentException("why: blank (expected: the reason for the step)");
      }
    }

    /** Whether its last step was that a person rolled back from it. */
    public boolean isRolledBack() {
      return why.startsWith(ROLLED_BACK);
    }

    Entry to(RevisionState next, Instant at, String who, String reason) {
      var left =
          switch (next) {
            case DRAFT, PROPOSED, SHADOW -> leftByAPerson;
            case ENFORCED -> false;
            case SUPERSEDED ->
                leftByAPerson || reason.startsWith(REJECTED) || reason.startsWith(ROLLED_BACK);
          };
      return new Entry(
          baseline, next, at, who, reason, wasEnforced || next == RevisionState.ENFORCED, left);
    }
  }

  /** What became of a step. */
  public sealed interface Step {
    /** It was taken. */
    record Taken(Revisions revisions) implements Step {}

    /**
     * It was not; nothing changed.
     *
     * @param why what stands against it and what to do
     */
    record Refused(String why) implements Step {}
  }

  public Revisions {
    requireNonNull(owner, "owner");
    entries = List.copyOf(entries);
  }

  public static Revisions none(Owner owner) {
    return new Revisions(owner, List.of());
  }

  /** The revision in that state that came there last, or null. */
  public @Nullable Entry in(RevisionState state) {
    return entries.stream()
        .filter(entry -> entry.state() == state)
        .reduce((_, last) -> last)
        .orElse(null);
  }

  /** The entry of a revision, or null. */
  public @Nullable Entry of(String revision) {
    return entries.stream()
        .filter(entry -> entry.baseline().revision().equals(revision))
        .findFirst()
        .orElse(null);
  }

  /**
   * Adds a draft, in place of the draft before it. Its parent must be what is enforced. A revision
   * that was superseded may be drafted again.
   */
  public Step draft(Baseline baseline, Instant at, String by, String why) {
    if (!baseline.owner().equals(owner)) {
      return new Step.Refused(
          baseline.revision() + " is of " + baseline.owner() + " (expected: of " + owner + ")");
    }
    var known = of(baseline.revision());
    if (known != null && known.state() != RevisionState.SUPERSEDED) {
      return new Step.Refused(
          baseline.revision()
              + " is "
              + known.state().word()
              + " already (nothing to do, it has the same edges)");
    }
    var enforced = in(RevisionState.ENFORCED);
    var expected = enforced == null ? null : enforced.baseline().revision();
    if (!Objects.equals(baseline.parent(), expected)) {
      return new Step.Refused(
          baseline.revision()
              + " follows "
              + (baseline.parent() == null ? "nothing" : baseline.parent())
              + ", but "
              + (expected == null ? "nothing" : expected)
              + " is enforced (draft again from there)");
    }
    var next = new ArrayList<>(withoutAny(RevisionState.DRAFT, at, by, "a later draft").entries);
    if (known == null) {
      next.add(new Entry(baseline, RevisionState.DRAFT, at, by, why, false, false));
    } else {
      next.remove(known);
      next.add(known.to(RevisionState.DRAFT, at, by, why));
    }
    return new Step.Taken(new Revisions(owner, next));
  }

  /** From draft to proposed. */
  public Step propose(String revision, Instant at, String by, String why) {
    return advance(revision, RevisionState.DRAFT, RevisionState.PROPOSED, at, by, why);
  }

  /** From proposed to shadow. */
  public Step shadow(String revision, Instant at, String by, String why) {
    return advance(revision, RevisionState.PROPOSED, RevisionState.SHADOW, at, by, why);
  }

  /** From shadow to enforced; what was enforced is superseded. */
  public Step enforce(String revision, Instant at, String by, String why) {
    return advance(revision, RevisionState.SHADOW, RevisionState.ENFORCED, at, by, why);
  }

  /** From draft, proposed or shadow to superseded. */
  public Step reject(String revision, Instant at, String by, String why) {
    var entry = of(revision);
    if (entry == null) {
      return unknown(revision);
    }
    return switch (entry.state()) {
      case DRAFT, PROPOSED, SHADOW ->
          new Step.Taken(
              with(revision, entry.to(RevisionState.SUPERSEDED, at, by, REJECTED + why)));
      case ENFORCED -> new Step.Refused(revision + " is enforced (roll back instead)");
      case SUPERSEDED -> new Step.Refused(revision + " is superseded already");
    };
  }

  /**
   * Back to the parent of what is enforced, in one step.
   *
   * <p>What follows the revision that is left, and is not enforced yet, is superseded: its parent
   * no longer decides.
   */
  public Step rollback(Instant at, String by, String why) {
    var enforced = in(RevisionState.ENFORCED);
    if (enforced == null) {
      return new Step.Refused("nothing is enforced (nothing to roll back)");
    }
    var parent = enforced.baseline().parent();
    var back = parent == null ? null : of(parent);
    if (back == null || !back.wasEnforced()) {
      return new Step.Refused(
          enforced.baseline().revision()
              + " is the first that was enforced (set the mode to observe or shadow instead)");
    }
    var reason = ROLLED_BACK + why;
    var next =
        withoutAny(RevisionState.DRAFT, at, by, reason)
            .withoutAny(RevisionState.PROPOSED, at, by, reason)
            .withoutAny(RevisionState.SHADOW, at, by, reason)
            .withoutAny(RevisionState.ENFORCED, at, by, reason);
    return new Step.Taken(
        next.with(back.baseline().revision(), back.to(RevisionState.ENFORCED, at, by, reason)));
  }

  private Step advance(
      String revision, RevisionState from, RevisionState to, Instant at, String by, String why) {
    var entry = of(revision);
    if (entry == null) {
      return unknown(revision);
    }
    if (entry.state() != from) {
      return new Step.Refused(
          revision
              + " is "
              + entry.state().word()
              + " (expected: "
              + from.word()
              + ", to become "
              + to.word()
              + ")");
    }
    var enforced = in(RevisionState.ENFORCED);
    if (enforced != null && !enforced.baseline().revision().equals(entry.baseline().parent())) {
      return new Step.Refused(
          revision
              + " follows "
              + entry.baseline().parent()
              + ", but "
              + enforced.baseline().revision()
              + " is enforced by now (draft again from there)");
    }
    return new Step.Taken(
        withoutAny(to, at, by, "followed by " + revision)
            .with(revision, entry.to(to, at, by, why)));
  }

  private static Step unknown(String revision) {
    return new Step.Refused("'" + revision + "' is not a revision of this workload (see show)");
  }

  private Revisions with(String revision, Entry changed) {
    return new Revisions(
        owner,
        entries.stream()
            .map(entry -> entry.baseline().revision().equals(revision) ? changed : entry)
            .toList());
  }

  private Revisions withoutAny(RevisionState state, Instant at, String by, String why) {
    return new Revisions(
        owner,
        entries.stream()
            .map(
                entry ->
                    entry.state() == state
                        ? entry.to(RevisionState.SUPERSEDED, at, by, why)
                        : entry)
            .toList());
  }
}
