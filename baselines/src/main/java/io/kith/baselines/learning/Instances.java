package io.kith.baselines.learning;

import io.kith.baselines.yaml.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pods of a workload, by inventory or by their traffic.
 *
 * <p>Bounded: of more than {@value #MAX} the ones that ended first are forgotten. Not thread-safe.
 */
final class Instances {
  static final int MAX = 4_096;
  private static final Duration IDLE = Duration.ofHours(1);
  private static final int POINTS = 97;

  private final Map<String, Instance> known = new HashMap<>();
  private final Map<String, Instant> lastSeen = new HashMap<>();
  private final Map<String, Instant> firstOf = new HashMap<>();
  private @Nullable Instant earliest;
  private int total;
  private int changes;
  private int median = -1;
  private long medianHour;

  /** What an orchestrator says. */
  void started(Instance instance) {
    total += known.containsKey(instance.replica()) ? 0 : 1;
    var before = known.get(instance.replica());
    var after = known.merge(instance.replica(), instance, Instance::merge);
    changes += after.equals(before) ? 0 : 1;
    changes += lastSeen.remove(instance.replica()) == null ? 0 : 1;
    begin(instance.digest(), instance.start());
    median = -1;
    forget();
  }

  /** What a connection says of a pod that nobody announced. */
  void seen(Observation seen) {
    var replica = seen.replica();
    var before = known.get(replica);
    if (before != null && !lastSeen.containsKey(replica)) {
      complete(before, seen.process().fingerprint().imageDigest());
      return;
    }
    if (before == null || seen.time().isBefore(before.start())) {
      var start = seen.started() == null ? seen.time() : seen.started();
      known.put(
          replica,
          new Instance(replica, start, null, seen.process().fingerprint().imageDigest(), false));
      begin(seen.process().fingerprint().imageDigest(), start);
      median = -1;
      changes++;
      total += before == null ? 1 : 0;
    }
    lastSeen.merge(replica, seen.time(), (one, other) -> one.isAfter(other) ? one : other);
    forget();
  }

  /** Who announces a pod may not know its image. */
  private void complete(Instance announced, @Nullable String digest) {
    if (announced.digest() == null && digest != null) {
      known.put(
          announced.replica(),
          new Instance(
              announced.replica(), announced.start(), announced.stop(), digest, announced.job()));
      changes++;
      begin(digest, announced.start());
    }
  }

  void merge(Instances other) {
    var both = (int) other.known.keySet().stream().filter(known::containsKey).count();
    total += Math.max(0, other.total - both); // pods that the other one forgot were pods too
    changes++;
    other.firstOf.forEach(this::begin);
    if (other.earliest != null) {
      begin(null, other.earliest);
    }
    other.known.forEach(
        (replica, instance) -> {
          var traffic = other.lastSeen.get(replica);
          var ours = known.get(replica);
          known.merge(replica, instance, Instance::merge);
          if (traffic == null || (ours != null && !lastSeen.containsKey(replica))) {
            lastSeen.remove(replica);
          } else {
            lastSeen.merge(replica, traffic, (a, b) -> a.isAfter(b) ? a : b);
          }
          begin(instance.digest(), instance.start());
        });
    median = -1;
    forget();
  }

  private void begin(@Nullable String digest, Instant start) {
    if (digest != null && (firstOf.size() < MAX || firstOf.containsKey(digest))) {
      firstOf.merge(digest, start, (one, other) -> one.isBefore(other) ? one : other);
    }
    if (earliest == null || start.isBefore(earliest)) {
      earliest = start;
    }
  }

  private void forget() {
    if (known.size() <= MAX) {
      return;
    }
    var byEnd = new ArrayList<>(known.values());
    byEnd.sort(Comparator.comparing(this::end).thenComparing(Instance::replica));
    for (var gone : byEnd.subList(0, MAX / 8)) {
      known.remove(gone.replica());
      lastSeen.remove(gone.replica());
    }
  }

  private Instant end(Instance instance) {
    var seen = lastSeen.get(instance.replica());
    if (seen != null) {
      return seen.plus(IDLE);
    }
    return instance.stop() == null ? Instant.MAX : instance.stop();
  }

  /** Grows when more is known than when one was last seen. */
  int changes() {
    return changes;
  }

  /** As the members of an object. */
  Map<String, Object> members() {
    var members = new HashMap<String, Object>();
    members.put("total", total);
    if (earliest != null) {
      members.put("earliest", earliest.toString());
    }
    var images = new HashMap<String, Object>();
    firstOf.forEach((digest, first) -> images.put(digest, first.toString()));
    members.put("images", images);
    members.put(
        "pods",
        known.values().stream()
            .sorted(Comparator.comparing(Instance::replica))
            .map(this::members)
            .toList());
    return members;
  }

  private Map<String, Object> members(Instance instance) {
    var members = new HashMap<String, Object>();
    members.put("replica", instance.replica());
    members.put("start", instance.start().toString());
    put(members, "stop", instance.stop());
    put(members, "digest", instance.digest());
    members.put("job", instance.job());
    put(members, "seen", lastSeen.get(instance.replica()));
    return members;
  }

  private static void put(Map<String, Object> members, String key, @Nullable Object value) {
    if (value != null) {
      members.put(key, value.toString());
    }
  }

  /**
   * Reads what {@link #members} made.
   *
   * @throws IllegalArgumentException for more than there can be
   */
  static Instances of(JsonObject json) {
    json.only("total", "earliest", "images", "pods");
    var read = new Instances();
    var pods = json.objects("pods");
    var images = json.object("images");
    if (pods.size() > MAX || images.names().size() > MAX) {
      throw new IllegalArgumentException(
          "pods: " + pods.size() + " (expected: at most " + MAX + ", and as many images)");
    }
    for (var pod : pods) {
      pod.only("replica", "start", "stop", "digest", "job", "seen");
      var replica = pod.text("replica");
      read.known.put(
          replica,
          new Instance(
              replica,
              pod.value("start", Instant::parse),
              pod.has("stop") ? pod.value("stop", Instant::parse) : null,
              pod.textOrNull("digest"),
              pod.bool("job")));
      if (pod.has("seen")) {
        read.lastSeen.put(replica, pod.value("seen", Instant::parse));
      }
    }
    for (var digest : images.names()) {
      read.begin(digest, images.value(digest, Instant::parse));
    }
    if (json.has("earliest")) {
      read.begin(null, json.value("earliest", Instant::parse));
    }
    read.total = Math.max(read.known.size(), json.integer("total"));
    return read;
  }

  /** When the first of them started, or null when there was none. */
  @Nullable Instant earliest() {
    return earliest;
  }

  /** How many there were. */
  int total() {
    return total;
  }

  boolean areJobs() {
    return known.values().stream().anyMatch(Instance::job);
  }

  @Nullable Instance get(String replica) {
    return known.get(replica);
  }

  /** How many run at a time, as the median over the workload's life until then. */
  int concurrent(Instant now) {
    var hour = Math.floorDiv(now.getEpochSecond(), 3_600L);
    if (median >= 0 && hour == medianHour) {
      return median;
    }
    medianHour = hour;
    median = earliest == null ? 0 : median(earliest, now);
    return median;
  }

  private int median(Instant from, Instant until) {
    var step = Math.max(1, Duration.between(from, until).toMillis() / (POINTS - 1));
    var counts = new int[POINTS];
    var spans = known.values().stream().map(i -> List.of(i.start(), end(i))).toList();
    for (var point = 0; point < POINTS; point++) {
      var at = from.plusMillis(step * point);
      for (var span : spans) {
        if (!span.getFirst().isAfter(at) && span.getLast().isAfter(at)) {
          counts[point]++;
        }
      }
    }
    Arrays.sort(counts);
    return counts[POINTS / 2];
  }

  /** How many pods of these images run now; of any image when the set is empty. */
  int running(Set<String> digests, Instant now) {
    var running = 0;
    for (var instance : known.values()) {
      if (isOf(instance, digests) && !instance.start().isAfter(now) && end(instance).isAfter(now)) {
        running++;
      }
    }
    return running;
  }

  /**
   * Share of the pods alive within a time that are in the sample, 0 to 1.
   *
   * @param digests only pods of these images count; empty: every pod
   */
  double share(Sample sample, Set<String> digests, Instant from, Instant until) {
    var alive = 0;
    var showed = 0;
    for (var instance : known.values()) {
      if (isOf(instance, digests)
          && !instance.start().isAfter(until)
          && end(instance).isAfter(from)
          && Hash.of(instance.replica()) <= sample.limit()) {
        alive++;
        showed += sample.contains(instance.replica()) ? 1 : 0;
      }
    }
    return alive == 0 ? 1 : showed / (double) alive;
  }

  private static boolean isOf(Instance instance, Set<String> digests) {
    return digests.isEmpty() || instance.digest() == null || digests.contains(instance.digest());
  }

  /** When each image first ran. */
  Map<String, Instant> digests() {
    return firstOf;
  }

  /** How much of the time between two moments at least one ran. */
  Duration running(Instant from, Instant until) {
    var spans = new ArrayList<>(known.values());
    spans.sort(Comparator.comparing(Instance::start));
    var running = Duration.ZERO;
    var covered = from;
    for (var instance : spans) {
      var begin = instance.start().isAfter(covered) ? instance.start() : covered;
      var end = end(instance).isAfter(until) ? until : end(instance);
      if (end.isAfter(begin)) {
        running = running.plus(Duration.between(begin, end));
        covered = end;
      }
    }
    return running;
  }
}
