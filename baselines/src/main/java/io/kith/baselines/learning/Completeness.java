package io.kith.baselines.learning;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a workload has shown all that it does.
 *
 * <p>Two conditions that an operator can follow: little is estimated to be unseen ({@link
 * Coverage}), and nothing new appeared for a while. Both look only at edges that time decides about
 * and nobody vouches for.
 */
final class Completeness {
  private static final Duration JOB_QUIET = Duration.ofDays(2);
  private static final double NOT_RARE = 3;
  private static final List<Missing> FIRST = List.of(new Missing.Start());

  private final LearningSettings settings;
  private final Instances instances;
  private final Book book;
  private final Units units;
  private final Support support;
  private @Nullable Quiet quiet;
  private @Nullable Estimate estimate;

  /** When the newest edge appeared, as of a state of the book and an hour. */
  private record Quiet(int changes, long hour, @Nullable Instant since) {}

  /** The deficit, as of what was seen and who vouches. */
  private record Estimate(int seen, int units, long vouchers, double deficit) {}

  Completeness(
      LearningSettings settings, Instances instances, Book book, Units units, Support support) {
    this.settings = settings;
    this.instances = instances;
    this.book = book;
    this.units = units;
    this.support = support;
  }

  /** What is missing; empty when a baseline may be proposed. */
  List<Missing> waitsFor(Instant now) {
    var started = instances.earliest();
    if (started == null) {
      return FIRST;
    }
    var age = Duration.between(started, now);
    var window = settings.window();
    var shortest = window == null ? settings.minimum() : window;
    var missing = new ArrayList<Missing>(3);
    if (age.compareTo(shortest) < 0) {
      missing.add(new Missing.Time(shortest.minus(age)));
    }
    if (age.compareTo(settings.maximum()) >= 0) {
      return missing; // with its backlog, unless the window is longer still
    }
    if (instances.areJobs() && instances.total() < settings.jobRuns()) {
      missing.add(new Missing.Runs(instances.total(), settings.jobRuns()));
    }
    if (window == null && age.compareTo(shortest) >= 0) { // before that too little is known
      waitsForQuiet(now, age, missing);
      waitsForCoverage(now, missing);
    }
    return missing;
  }

  private void waitsForQuiet(Instant now, Duration age, List<Missing> missing) {
    var newest = newestEdge(now);
    if (newest == null) {
      return;
    }
    var share = Duration.ofMillis((long) (age.toMillis() * settings.quietFraction()));
    var needed = share.compareTo(settings.quiet()) > 0 ? share : settings.quiet();
    if (instances.areJobs() && needed.compareTo(JOB_QUIET) < 0) {
      needed = JOB_QUIET;
    }
    var calm = Duration.between(newest, now);
    if (calm.compareTo(needed) < 0) {
      missing.add(new Missing.Quiet(needed.minus(calm)));
    }
  }

  private void waitsForCoverage(Instant now, List<Missing> missing) {
    var deficit = deficit(now);
    if (deficit > settings.deficit()) {
      missing.add(new Missing.Coverage(deficit, settings.deficit()));
    }
  }

  private @Nullable Instant newestEdge(Instant now) {
    var hour = Math.floorDiv(now.getEpochSecond(), 3_600L);
    if (quiet == null || quiet.changes != book.changes() || quiet.hour != hour) {
      Instant newest = null;
      for (var group : book.groups()) {
        var first = group.sightings().first();
        if ((newest == null || first.isAfter(newest))
            && support.isDecidedByTime(group, now)
            && !support.isVouched(group)) {
          newest = first;
        }
      }
      quiet = new Quiet(book.changes(), hour, newest);
    }
    return quiet.since;
  }

  /** Share of the traffic that is estimated to be unseen, 0 to 1. */
  double deficit(Instant now) {
    var known = estimate;
    if (known != null
        && known.seen == book.seenChanges()
        && known.units == units.changes()
        && known.vouchers == support.vouchersChanges()) {
      return known.deficit;
    }
    return estimate(now);
  }

  private double estimate(Instant now) {
    var perEdge = new ArrayList<Double>();
    var lasts = support.vouchersChanges() >= 0;
    for (var group : book.groups()) {
      lasts &= !Support.dependsOnPods(group);
      if (support.isDecidedByTime(group, now)) {
        var seen = group.sightings().unitCount();
        // what somebody vouches for is not rare, however rarely it was seen here
        perEdge.add(support.isVouched(group) ? Math.max(NOT_RARE, seen) : seen);
      }
    }
    var deficit = Coverage.deficit(units.count(), perEdge);
    estimate =
        lasts
            ? new Estimate(book.seenChanges(), units.changes(), support.vouchersChanges(), deficit)
            : null;
    return deficit;
  }
}
