package io.kith.baselines.learning;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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

  private final LearningSettings settings;
  private final Instances instances;
  private final Book book;
  private final Units units;
  private final Support support;
  private @Nullable Quiet quiet;

  /** When the newest edge appeared, as of a state of the book and an hour. */
  private record Quiet(int changes, long hour, @Nullable Instant since) {}

  Completeness(
      LearningSettings settings, Instances instances, Book book, Units units, Support support) {
    this.settings = settings;
    this.instances = instances;
    this.book = book;
    this.units = units;
    this.support = support;
  }

  /** What is missing, in words; empty when a baseline may be proposed. */
  List<String> waitsFor(Instant now) {
    var started = instances.earliest();
    if (started == null) {
      return List.of("the first connection");
    }
    var age = Duration.between(started, now);
    var window = settings.window();
    var shortest = window == null ? settings.minimum() : window;
    var missing = new ArrayList<String>();
    if (age.compareTo(shortest) < 0) {
      missing.add(
          Learner.words(shortest.minus(age)) + " more of observation, or the end of a test run");
    }
    if (age.compareTo(settings.maximum()) >= 0) {
      return missing; // with its backlog, unless the window is longer still
    }
    if (instances.areJobs() && instances.total() < settings.jobRuns()) {
      missing.add(instances.total() + " of " + settings.jobRuns() + " runs");
    }
    if (window == null && age.compareTo(shortest) >= 0) { // before that too little is known
      waitsForQuiet(now, age, missing);
      waitsForCoverage(now, missing);
    }
    return missing;
  }

  private void waitsForQuiet(Instant now, Duration age, List<String> missing) {
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
      missing.add(Learner.words(needed.minus(calm)) + " more without a new edge");
    }
  }

  private void waitsForCoverage(Instant now, List<String> missing) {
    var deficit = deficit(now);
    if (deficit > settings.deficit()) {
      missing.add(
          String.format(
              Locale.ROOT,
              "less to be unseen: an estimated %.1f %% of the traffic (at most %.1f %%)",
              deficit * 100,
              settings.deficit() * 100));
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
    var perEdge = new ArrayList<Double>();
    for (var group : book.groups()) {
      if (support.isDecidedByTime(group, now)) {
        var seen = group.sightings().unitCount();
        // what somebody vouches for is not rare, however rarely it was seen here
        perEdge.add(support.isVouched(group) ? Math.max(NOT_RARE, seen) : seen);
      }
    }
    return Coverage.deficit(units.count(), perEdge);
  }
}
