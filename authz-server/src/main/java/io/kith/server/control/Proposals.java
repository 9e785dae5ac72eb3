package io.kith.server.control;

import io.kith.baselines.change.Revisions;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.Proposal;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Proposes baselines without being asked: the first when learning is complete; later ones for what
 * somebody vouches for, and without what fell out of use.
 *
 * <p>Only proposes, never in place of what a person proposed or put into shadow. What people
 * refused is not proposed again as it was. Several servers may run it on one store: whoever is
 * first writes, the others find nothing left to do.
 */
final class Proposals {
  static final String AUTHOR = "learner";

  private static final System.Logger LOG = System.getLogger(Proposals.class.getName());

  /** What waits for a person does not change under their eyes more often. */
  private static final Duration PAUSE = Duration.ofHours(1);

  private final Workloads workloads;
  private final Journal journal;
  private final Drafts drafts;
  private final InstantSource clock;

  Proposals(Workloads workloads, Journal journal, Drafts drafts, InstantSource clock) {
    this.workloads = workloads;
    this.journal = journal;
    this.drafts = drafts;
    this.clock = clock;
  }

  /** Looks at every workload once. */
  void run() {
    for (var workload : workloads.inOrder()) {
      try {
        propose(workload);
      } catch (RefusedException e) {
        LOG.log(Level.WARNING, "a baseline was not proposed", e);
        if (e.kind() == RefusedException.Kind.STORE) {
          return; // it would refuse all; the next time
        }
      } catch (RuntimeException e) {
        LOG.log(Level.ERROR, "a baseline was not proposed", e);
      }
    }
  }

  private void propose(GovernedWorkload workload) throws RefusedException {
    var now = clock.instant();
    if (!workload.speaks()
        || hasNothingNew(workload, now)
        || draft(workload, workload.standing().life(), now) == null) {
      return; // the common case, without asking the store
    }
    var added =
        journal.add(
            AUTHOR,
            note(workload, now),
            fold -> {
              var life = fold.of(workload.owner()).life();
              var baseline = draft(workload, life, now);
              return baseline == null
                  ? new Journal.Drafted<>(List.of(), "")
                  : new Journal.Drafted<>(drafts.proposed(life, baseline), baseline.revision());
            });
    if (added.changed()) {
      LOG.log(
          Level.INFO,
          () ->
              "a baseline was proposed: owner=" + workload.owner() + " revision=" + added.result());
    }
  }

  /**
   * Whether what is enforced would only be proposed again: nothing was seen, so nothing is new or
   * out of use, and nobody took an edge away.
   */
  private static boolean hasNothingNew(GovernedWorkload workload, Instant now) {
    var standing = workload.standing();
    return standing.life().enforced() != null
        && Rule.edges(standing, Rule.Action.DENY, now).isEmpty()
        && Rule.edges(standing, Rule.Action.QUARANTINE, now).isEmpty()
        && workload.learning().isUnseen();
  }

  /** What is to be proposed now, or null. */
  private @Nullable Baseline draft(GovernedWorkload workload, Life life, Instant now) {
    var waiting = life.waiting();
    if (waiting != null && (!isOwn(waiting) || now.isBefore(waiting.since().plus(PAUSE)))) {
      return null;
    }
    var learned = life.enforced() == null ? complete(workload, now) : since(workload, now);
    if (learned == null) {
      return null;
    }
    var next = drafts.withoutUnused(workload, life, learned, now).baseline();
    return Drafts.isNewest(life, next) || Drafts.isRefused(life, next) ? null : next;
  }

  /** What learning ends with; null while it lasts, or when a person has to look at all of it. */
  private static @Nullable Proposal complete(GovernedWorkload workload, Instant now) {
    var learner = workload.learner();
    if (!learner.waitsFor(now).isEmpty()) {
      return null;
    }
    var proposal = learner.supportedAt(now, workload.refused(now));
    var onlyDoubtful = proposal.baseline().edges().isEmpty() && !proposal.leftOut().isEmpty();
    return onlyDoubtful ? null : proposal; // never spoke: the empty baseline is what is normal
  }

  /** Beside an enforced baseline: what needs nobody's answer. */
  private static Proposal since(GovernedWorkload workload, Instant now) {
    var learner = workload.learner();
    return new Proposal(
        Baseline.of(workload.owner(), null, List.of()), learner.confirmedAt(now), List.of());
  }

  private static String note(GovernedWorkload workload, Instant now) {
    var learner = workload.learner();
    return workload.standing().life().enforced() == null
        ? "learning is complete" + figures(learner, now)
        : "since then: somebody vouches for it, or it fell out of use";
  }

  private static String figures(Learner learner, Instant now) {
    var started = learner.startedAt();
    return started == null
        ? ""
        : String.format(
            Locale.ROOT,
            ": %d h, %d pods, an estimated %.1f %% of the traffic unseen",
            Duration.between(started, now).toHours(),
            learner.starts(),
            learner.deficit() * 100);
  }

  /** Whether no person had to do with it yet. */
  private static boolean isOwn(Revisions.Entry entry) {
    return entry.by().equals(AUTHOR);
  }
}
