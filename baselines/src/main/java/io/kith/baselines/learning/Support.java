package io.kith.baselines.learning;

import io.kith.baselines.destination.Reach;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.learning.LearningSettings.External;
import io.kith.baselines.process.ProcessClass;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whether evidence is enough to call an edge normal.
 *
 * <p>Replicas vote: an intruder in fewer of them than an edge needs cannot add one (the certificate
 * of Deep Partition Aggregation, Levine &amp; Feizi, ICLR 2021). What an intruder would add anyway,
 * from all of them, needs a voucher or a reviewer on top.
 */
final class Support {
  private static final double NEARLY_ALL = 0.8;
  private static final int SENSITIVE_DAYS = 3;
  private static final int RUNS = 2;
  private static final Duration FIRST_DAY = Duration.ofDays(1);
  private static final Duration AFTER = Duration.ofHours(12);

  /** What appears under enforcement without anybody vouching must last. */
  private static final Duration LATE_INTERNAL = Duration.ofHours(12);

  private static final Duration LATE_EXTERNAL = Duration.ofDays(3);

  private final LearningSettings settings;
  private final Instances instances;
  private final Vouchers vouchers;

  Support(LearningSettings settings, Instances instances, Vouchers vouchers) {
    this.settings = settings;
    this.instances = instances;
    this.vouchers = vouchers;
  }

  /** What an edge is, and why. */
  record Standing(EdgeState state, String why) {
    private static final Standing CANDIDATE = new Standing(EdgeState.CANDIDATE, "enough support");

    boolean isEnough() {
      return state == EdgeState.CANDIDATE;
    }
  }

  private static Standing kept(String why) {
    return new Standing(EdgeState.QUARANTINED, why);
  }

  /**
   * The standing of an edge.
   *
   * @param testRunEnded a tester says that the run was all it does; stands in for time and
   *     replicas, never for the gates
   */
  Standing of(Group group, Instant now, boolean testRunEnded) {
    var process = group.process();
    var sightings = group.sightings();
    var reach = sightings.reach();
    var vouched = isVouched(group);
    if (reach == Reach.PUBLIC_ADDRESS) {
      return kept("a public address without a name needs a reviewer");
    }
    if (reach == Reach.EXTERNAL_NAME && settings.external() == External.VOUCH && !vouched) {
      return kept("an external name needs a voucher or a reviewer");
    }
    var missing = testRunEnded || vouched ? null : missing(sightings, now);
    if (missing != null) {
      return new Standing(EdgeState.OBSERVED, missing);
    }
    var share = share(sightings, now);
    if (reach == Reach.EXTERNAL_NAME && !vouched && !testRunEnded) {
      var doubt = doubt(process, sightings, share);
      if (doubt != null) {
        return kept(doubt);
      }
    }
    if (Tools.isTool(process) && share < NEARLY_ALL) {
      return kept("a shell or tool on " + percent(share) + " of the pods (80 % needed)");
    }
    if (reach == Reach.SENSITIVE && share < NEARLY_ALL && sightings.dayCount() < SENSITIVE_DAYS) {
      return kept(
          "a sensitive destination, seen by "
              + percent(share)
              + " of the pods on "
              + sightings.dayCount()
              + " days (80 % or 3 days needed)");
    }
    return Standing.CANDIDATE;
  }

  /**
   * Why support alone does not let an external name in, or null.
   *
   * <p>A tool that something started, and what an unchanged image began to do later than in its
   * first day, are what an intruder looks like.
   */
  private @Nullable String doubt(ProcessClass process, Sightings sightings, double share) {
    if (Tools.isTool(process) && !process.ancestors().isEmpty() && !instances.areJobs()) {
      return "an external name, reached by a shell or tool, needs a voucher or a reviewer";
    }
    var started = instances.earliest();
    return started != null
            && sightings.first().isAfter(started.plus(FIRST_DAY))
            && share < NEARLY_ALL
        ? "an external name that appeared late, on " + percent(share) + " of the pods (80 % needed)"
        : null;
  }

  /** Whether an edge that appeared under enforcement may be confirmed without a person. */
  boolean isConfirmedLate(Group group, Instant now) {
    if (isVouched(group)) {
      return of(group, now, false).isEnough();
    }
    if (settings.external() != External.AUTO) {
      return false;
    }
    var sightings = group.sightings();
    var lasting = sightings.reach() == Reach.INTERNAL ? LATE_INTERNAL : LATE_EXTERNAL;
    return sightings.span().compareTo(lasting) >= 0
        && group.reach() != Reach.PUBLIC_ADDRESS
        && !Tools.isTool(group.process())
        && isUnanimous(sightings, now);
  }

  /** Whether an edge that a new version brought is on nearly all pods since, and nobody attends. */
  boolean isNewEverywhere(Group group, Instant now) {
    return settings.external() == External.AUTO
        && group.reach() != Reach.PUBLIC_ADDRESS
        && isUnanimous(group.sightings(), now);
  }

  /**
   * Whether time decides about the edge; else a person does, and learning need not last longer for
   * it. An intruder must not be able to prolong it.
   */
  boolean isDecidedByTime(Group group, Instant now) {
    return switch (group.reach()) {
      case PUBLIC_ADDRESS -> false;
      case EXTERNAL_NAME -> settings.external() == External.AUTO;
      case INTERNAL, SENSITIVE ->
          !dependsOnPods(group) || share(group.sightings(), now) >= NEARLY_ALL;
    };
  }

  /** Whether {@link #isDecidedByTime} asks which pods ran, so that its answer may always change. */
  static boolean dependsOnPods(Group group) {
    return group.reach().compareTo(Reach.SENSITIVE) <= 0 && Tools.isTool(group.process());
  }

  /** Whether every member of the group has a voucher. */
  boolean isVouched(Group group) {
    var reach = group.reach();
    if (reach == Reach.SENSITIVE || reach == Reach.PUBLIC_ADDRESS) {
      return false;
    }
    return group.isVouchedBy(vouchers);
  }

  /** Grows whenever a voucher may answer otherwise; negative when that is not known. */
  long vouchersChanges() {
    return vouchers.changes();
  }

  private double share(Sightings sightings, Instant now) {
    return share(sightings, Set.of(), now);
  }

  private double share(Sightings sightings, Set<String> digests, Instant now) {
    var until = sightings.last().plus(AFTER);
    return instances.share(
        sightings.replicas(), digests, sightings.first(), until.isAfter(now) ? now : until);
  }

  /**
   * On nearly all pods of the images that showed it, since it was first seen. Where one of these is
   * no pod's image, but that of another container in it, all pods count.
   */
  private boolean isUnanimous(Sightings sightings, Instant now) {
    var digests = instances.knownAmong(sightings.digests());
    return isOnEnough(sightings, digests, now) && share(sightings, digests, now) >= NEARLY_ALL;
  }

  private boolean isOnEnough(Sightings sightings, Set<String> digests, Instant now) {
    if (instances.areJobs()) {
      return isOfRuns(sightings);
    }
    return instances.running(digests, now) >= 2
        ? sightings.replicas().size() >= settings.replicas()
        : sightings.hourCount() >= settings.hours();
  }

  /** Runs that all have one name, as where it is their address, are told apart by time. */
  private boolean isOfRuns(Sightings sightings) {
    return sightings.replicas().size() >= RUNS
        || (instances.names() == 1 && sightings.span().compareTo(settings.span()) >= 0);
  }

  /** What an edge lacks, in words, or null. */
  private @Nullable String missing(Sightings sightings, Instant now) {
    var have = sightings.replicas().size();
    if (instances.areJobs()) {
      return isOfRuns(sightings) ? null : "seen in " + have + " of " + RUNS + " runs";
    }
    var concurrent = instances.concurrent(now);
    if (concurrent >= 2) {
      var needed = Math.max(settings.replicas(), (concurrent + 1) / 2);
      if (have < needed) {
        return "seen on " + have + " of " + needed + " replicas";
      }
      var share = share(sightings, now);
      return share >= settings.fraction()
          ? null
          : "seen on "
              + percent(share)
              + " of the pods since (needs "
              + percent(settings.fraction())
              + ")";
    }
    if (sightings.isStartup() && share(sightings, now) >= NEARLY_ALL) {
      return null; // at every start, within minutes of it
    }
    if (sightings.hourCount() < settings.hours()) {
      return "seen in " + sightings.hourCount() + " of " + settings.hours() + " distinct hours";
    }
    if (sightings.span().compareTo(settings.span()) < 0) {
      return "seen over "
          + Learner.words(sightings.span())
          + " of "
          + Learner.words(settings.span());
    }
    return null;
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", share * 100);
  }
}
