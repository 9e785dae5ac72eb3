package io.kith.baselines.learning;

import io.kith.baselines.destination.Reach;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.yaml.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * All that is known about how one edge was used; the working form of {@link Evidence}.
 *
 * <p>Bounded, and merges commutatively: sums, extremes, unions of bounded samples. Not thread-safe.
 */
final class Sightings {
  static final Duration STARTUP = Duration.ofMinutes(5);
  private static final int MAX_DAYS = 64;
  private static final int MAX_DIGESTS = 16;

  /** Units that are remembered, each at the place that its last bits say. */
  private static final int RECENT = 8;

  private long count;
  private Instant first = Instant.MAX;
  private Instant last = Instant.MIN;
  private final Sample replicas = new Sample();
  private final Units units = new Units();
  private final Longs hours = new Longs(Evidence.MAX_SET);
  private final Longs days = new Longs(MAX_DAYS);
  private final TreeSet<String> digests = new TreeSet<>();
  private boolean steady;
  private Reach reach = Reach.INTERNAL;
  private String words = "";
  // what a store does not have yet
  private boolean fresh = true;
  private long written;
  private int changes;
  // the sums that count this one in, see Group
  private @Nullable Sightings ofGroup;
  private @Nullable Sightings ofFresh;
  // of the latest sightings, so that the common case is a few comparisons: what was added once
  // changes nothing when it is added again, also after a merge
  private @Nullable ProcessFingerprint latestProcess;
  private @Nullable String latestDigest;
  private long latestDay = Long.MIN_VALUE;
  private final long[] recentUnits = new long[RECENT];

  /** Adds a connection; true when more than counts and times have changed. */
  boolean add(Observation seen, Reach how) {
    return add(seen, Hash.of(seen.replica()), how);
  }

  /**
   * The same.
   *
   * @param replica {@link Hash} of the pod's name
   */
  @SuppressWarnings("ReferenceEquality") // another fingerprint that says the same costs its words
  boolean add(Observation seen, long replica, Reach how) {
    var before = changes;
    var time = seen.time();
    if (!time.isBefore(last)) {
      var process = seen.process().fingerprint();
      if (process != latestProcess) {
        latestProcess = process;
        words = process.words();
      }
    }
    addTime(seen);
    var hour = Math.floorDiv(time.getEpochSecond(), 3_600L);
    var isUsual = isUsual(seen, unit(replica, hour), how);
    if (!isUsual) {
      addUnit(seen, replica, hour, how);
    }
    var isChanged = changes != before;
    if (ofGroup != null) {
      ofGroup.follow(seen, replica, hour, how, isUsual, isChanged);
    }
    if (ofFresh != null) {
      ofFresh.follow(seen, replica, hour, how, isUsual, isChanged);
    }
    return isChanged;
  }

  /** Whether all but the time was added before; remembers that it is. */
  private boolean isUsual(Observation seen, long unit, Reach how) {
    var digest = seen.process().fingerprint().imageDigest();
    var slot = (int) unit & (RECENT - 1);
    if (recentUnits[slot] == unit
        && how.compareTo(reach) <= 0
        && Objects.equals(digest, latestDigest)) {
      return true;
    }
    recentUnits[slot] = unit;
    latestDigest = digest;
    return false;
  }

  private void addTime(Observation seen) {
    var time = seen.time();
    count++;
    if (time.isBefore(first)) {
      first = time;
    }
    if (!steady && (seen.started() == null || time.isAfter(seen.started().plus(STARTUP)))) {
      steady = true;
      changed(true);
    }
    if (!time.isBefore(last)) {
      last = time;
    }
  }

  private void addUnit(Observation seen, long replica, long hour, Reach how) {
    changed(replicas.add(seen.replica(), replica));
    changed(units.add(unit(replica, hour)));
    changed(hours.addSmall(hour));
    var day = Math.floorDiv(hour, 24L);
    if (day != latestDay) {
      latestDay = day;
      changed(days.addLarge(day));
    }
    var digest = seen.process().fingerprint().imageDigest();
    if (digest != null && digests.add(digest)) {
      trimDigests();
      changed(digests.contains(digest));
    }
    if (how.compareTo(reach) > 0) {
      reach = how;
      changed(true);
    }
  }

  private void changed(boolean really) {
    if (really) {
      fresh = true;
      changes++;
    }
  }

  /** Adds what a member of the sum has just added. */
  private void follow(
      Observation seen,
      long replica,
      long hour,
      Reach how,
      boolean isUsual,
      boolean memberChanged) {
    addTime(seen);
    if (!isUsual) {
      addUnit(seen, replica, hour, how);
    }
    changed(memberChanged); // a sum is told apart by its members too
  }

  /** Has a sum count on with this one, until {@link #leaveSums}; the words are not part of it. */
  void countInto(Sightings sum, boolean fresh) {
    if (fresh) {
      ofFresh = sum;
    } else {
      ofGroup = sum;
    }
  }

  /** No sum counts on with this one. */
  void leaveSums() {
    ofGroup = null;
    ofFresh = null;
  }

  /** No sum of what is not approved counts on with this one. */
  void leaveFresh() {
    ofFresh = null;
  }

  /** Grows when more than counts and times have changed, here or in a member of a sum. */
  int changes() {
    return changes;
  }

  /** A replica-hour, by the {@link Hash} of the pod's name. */
  static long unit(long replica, long hour) {
    return Hash.mix(replica ^ hour);
  }

  void merge(Sightings other) {
    changed(true);
    if (other.last.isAfter(last) || (other.last.equals(last) && other.words.compareTo(words) < 0)) {
      words = other.words;
      latestProcess = null;
    }
    count += other.count;
    first = other.first.isBefore(first) ? other.first : first;
    last = other.last.isAfter(last) ? other.last : last;
    replicas.addAll(other.replicas);
    units.addAll(other.units);
    hours.addSmall(other.hours);
    for (var i = 0; i < other.days.size(); i++) {
      days.addLarge(other.days.at(i));
    }
    digests.addAll(other.digests);
    trimDigests();
    steady |= other.steady;
    reach = worse(reach, other.reach);
    latestDay = Long.MIN_VALUE;
  }

  /** Whether a store lacks more than counts: another pod, hour, day or image. */
  boolean isFresh() {
    return fresh;
  }

  /** Whether a store lacks anything. */
  boolean isUnwritten() {
    return fresh || count != written;
  }

  /** Says that a store lacks it again. */
  void markUnwritten() {
    fresh = true;
  }

  /** Says that a store has it as it is now. */
  void markWritten() {
    fresh = false;
    written = count;
  }

  /** As the members of an object. */
  Map<String, Object> members() {
    var members = new HashMap<String, Object>();
    members.put("count", count);
    members.put("first", first.toString());
    members.put("last", last.toString());
    members.put("replicas", replicas.names().stream().sorted().toList());
    members.put("more", replicas.hasMore());
    members.put("units", units.smallest());
    members.put("hours", hours.list());
    members.put("days", days.list());
    members.put("digests", List.copyOf(digests));
    members.put("steady", steady);
    members.put("reach", reach.name());
    members.put("words", words);
    return members;
  }

  /**
   * Reads what {@link #members} made.
   *
   * @throws IllegalArgumentException for what no sighting can be
   */
  static Sightings of(JsonObject json) {
    json.only(
        "count",
        "first",
        "last",
        "replicas",
        "more",
        "units",
        "hours",
        "days",
        "digests",
        "steady",
        "reach",
        "words");
    var read = new Sightings();
    read.count = json.number("count");
    read.first = json.value("first", Instant::parse);
    read.last = json.value("last", Instant::parse);
    if (read.count < 1 || read.last.isBefore(read.first)) {
      throw new IllegalArgumentException(
          "seen: " + read.count + " times until before it began (expected: once or more)");
    }
    read.replicas.addAll(
        Sample.of(bounded("replicas", json.texts("replicas"), Sample.SIZE), json.bool("more")));
    bounded("units", json.numbers("units"), Units.EXACT).forEach(read.units::add);
    bounded("hours", json.numbers("hours"), Evidence.MAX_SET).forEach(read.hours::addSmall);
    bounded("days", json.numbers("days"), MAX_DAYS).forEach(read.days::addLarge);
    read.digests.addAll(bounded("digests", json.texts("digests"), MAX_DIGESTS));
    read.steady = json.bool("steady");
    read.reach = json.value("reach", Reach::valueOf);
    read.words = json.text("words");
    return read;
  }

  static <T> List<T> bounded(String name, List<T> list, int max) {
    if (list.size() > max) {
      throw new IllegalArgumentException(
          name + ": " + list.size() + " of them (expected: at most " + max + ")");
    }
    return list;
  }

  private static Reach worse(Reach one, Reach other) {
    return one.compareTo(other) >= 0 ? one : other;
  }

  private void trimDigests() {
    while (digests.size() > MAX_DIGESTS) {
      digests.pollLast();
    }
  }

  Instant first() {
    return first;
  }

  Instant last() {
    return last;
  }

  Duration span() {
    return Duration.between(first, last);
  }

  Sample replicas() {
    return replicas;
  }

  double unitCount() {
    return units.count();
  }

  int hourCount() {
    return hours.size();
  }

  int dayCount() {
    return days.size();
  }

  Set<String> digests() {
    return digests;
  }

  /** Only ever seen within five minutes of a pod's start. */
  boolean isStartup() {
    return !steady;
  }

  Reach reach() {
    return reach;
  }

  String words() {
    return words;
  }

  /** The longest time between two days on which it was seen. */
  Duration longestGap() {
    var longest = 0L;
    for (var i = 1; i < days.size(); i++) {
      longest = Math.max(longest, days.at(i) - days.at(i - 1));
    }
    return Duration.ofDays(longest);
  }

  Evidence evidence() {
    return new Evidence(count, first, last, replicas.names(), Set.copyOf(hours.list()));
  }
}
