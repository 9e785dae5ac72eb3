package io.kith.baselines.learning;

import io.kith.baselines.yaml.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
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

  /** So many are left of too many, so that not each new pod has them sorted. */
  static final int LEFT = MAX - MAX / 8;

  private static final Duration IDLE = Duration.ofHours(1);
  private static final int POINTS = 97;

  /** Two starts that are closer are one: clocks are set, and a start is computed from them. */
  private static final Duration SAME_START = Duration.ofMinutes(1);

  private final Map<String, Pod> known = new HashMap<>();
  private @Nullable Pod latest;
  private final Map<String, Instant> firstOf = new HashMap<>();
  private @Nullable Instant earliest;
  private int total;
  private boolean jobs;
  private int changes;
  private int median = -1;
  private long medianHour;

  /** An instance, and what its traffic says of its end when nobody announced it. */
  private static final class Pod {
    final long hash;
    Instance instance;
    @Nullable Instant lastSeen;

    Pod(Instance instance) {
      this.instance = instance;
      this.hash = Hash.of(instance.replica());
    }

    Instant end() {
      var seen = lastSeen;
      if (seen != null) {
        return seen.plus(IDLE);
      }
      var stop = instance.stop();
      return stop == null ? Instant.MAX : stop;
    }

    void sawUntil(Instant time) {
      if (lastSeen == null || time.isAfter(lastSeen)) {
        lastSeen = time;
      }
    }
  }

  /** What an orchestrator says. */
  void started(Instance instance) {
    var pod = known.get(instance.replica());
    if (pod == null) {
      put(instance);
      total++;
      changes++;
    } else {
      var after = pod.instance.merge(instance);
      changes += after.equals(pod.instance) ? 0 : 1;
      changes += pod.lastSeen == null ? 0 : 1;
      replace(pod, after);
      pod.lastSeen = null;
    }
    image(instance.digest(), instance.start());
    begin(instance.start());
    median = -1;
    forget();
  }

  /**
   * What somebody says who watches a pod that runs; it ends an hour after it was last said or seen.
   *
   * @return whether the pod, its start or its image is new
   */
  boolean runs(Instance told, Instant now) {
    var pod = known.get(told.replica());
    var before = pod == null ? null : pod.instance;
    if (before == null || told.start().isAfter(before.start().plus(SAME_START))) {
      before = null;
      total++;
    }
    var after = before == null ? told : before.running(told);
    if (pod == null) {
      pod = put(after);
    } else {
      replace(pod, after);
    }
    var isNew = !after.equals(before);
    if (isNew) {
      var swapped = before != null && before.digest() != null;
      image(told.digest(), swapped ? now : after.start());
      changes++;
      median = -1;
    }
    begin(now); // what it did before nobody saw
    pod.sawUntil(now);
    forget();
    return isNew;
  }

  private Pod put(Instance instance) {
    var pod = new Pod(instance);
    known.put(instance.replica(), pod);
    jobs |= instance.job();
    return pod;
  }

  private void replace(Pod pod, Instance instance) {
    jobs |= instance.job();
    pod.instance = instance;
  }

  /**
   * What a connection says of a pod that nobody announced.
   *
   * @return the {@link Hash} of the pod's name
   */
  long seen(Observation seen) {
    var replica = seen.replica();
    var pod = pod(replica);
    var digest = seen.process().fingerprint().imageDigest();
    if (pod != null && pod.lastSeen == null) {
      complete(pod, digest);
      return pod.hash;
    }
    if (pod == null || seen.time().isBefore(pod.instance.start())) {
      var start = seen.started() == null ? seen.time() : seen.started();
      var instance = new Instance(replica, start, null, digest, false);
      if (pod == null) {
        pod = put(instance);
        total++;
      } else {
        replace(pod, instance);
      }
      image(digest, start);
      begin(start);
      changes++;
      median = -1;
    } else {
      complete(pod, digest);
    }
    pod.sawUntil(seen.time());
    forget();
    return pod.hash;
  }

  /** Who announces a pod may not know its image. */
  private void complete(Pod announced, @Nullable String digest) {
    var before = announced.instance;
    if (before.digest() == null && digest != null) {
      announced.instance =
          new Instance(before.replica(), before.start(), before.stop(), digest, before.job());
      changes++;
      image(digest, before.start());
    }
  }

  void merge(Instances other) {
    var both = (int) other.known.keySet().stream().filter(known::containsKey).count();
    total += Math.max(0, other.total - both); // pods that the other one forgot were pods too
    changes++;
    other.firstOf.forEach(this::image);
    if (other.earliest != null) {
      begin(other.earliest);
    }
    other.known.values().forEach(this::merge);
    median = -1;
    forget();
  }

  private void merge(Pod theirs) {
    var ours = known.get(theirs.instance.replica());
    if (ours == null) {
      ours = put(theirs.instance);
      ours.lastSeen = theirs.lastSeen;
    } else {
      replace(ours, ours.instance.merge(theirs.instance));
      if (theirs.lastSeen == null || ours.lastSeen == null) {
        ours.lastSeen = null;
      } else {
        ours.sawUntil(theirs.lastSeen);
      }
    }
  }

  private void image(@Nullable String digest, Instant start) {
    if (digest != null && (firstOf.size() < MAX || firstOf.containsKey(digest))) {
      firstOf.merge(digest, start, (one, other) -> one.isBefore(other) ? one : other);
    }
  }

  private void begin(Instant start) {
    if (earliest == null || start.isBefore(earliest)) {
      earliest = start;
    }
  }

  private void forget() {
    if (known.size() <= MAX) {
      return;
    }
    var byEnd = new ArrayList<>(known.values());
    byEnd.sort(Comparator.comparing(Pod::end).thenComparing(pod -> pod.instance.replica()));
    for (var gone : byEnd.subList(0, known.size() - LEFT)) {
      known.remove(gone.instance.replica());
    }
    latest = null;
    median = -1;
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
            .sorted(Comparator.comparing(pod -> pod.instance.replica()))
            .map(Instances::members)
            .toList());
    return members;
  }

  private static Map<String, Object> members(Pod pod) {
    var instance = pod.instance;
    var members = new HashMap<String, Object>();
    members.put("replica", instance.replica());
    members.put("start", instance.start().toString());
    put(members, "stop", instance.stop());
    put(members, "digest", instance.digest());
    members.put("job", instance.job());
    put(members, "seen", pod.lastSeen);
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
      var known =
          read.put(
              new Instance(
                  replica,
                  pod.value("start", Instant::parse),
                  pod.has("stop") ? pod.value("stop", Instant::parse) : null,
                  pod.textOrNull("digest"),
                  pod.bool("job")));
      if (pod.has("seen")) {
        known.lastSeen = pod.value("seen", Instant::parse);
      }
    }
    for (var digest : images.names()) {
      read.image(digest, images.value(digest, Instant::parse));
    }
    if (json.has("earliest")) {
      read.begin(json.value("earliest", Instant::parse));
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

  /** How many names they have, as far as they are remembered. */
  int names() {
    return known.size();
  }

  /** Whether one of them was a run that ends by itself. */
  boolean areJobs() {
    return jobs;
  }

  @Nullable Instance get(String replica) {
    var pod = pod(replica);
    return pod == null ? null : pod.instance;
  }

  /** Who asks for one mostly asks for it again at once. */
  private @Nullable Pod pod(String replica) {
    var pod = latest;
    if (pod == null || !pod.instance.replica().equals(replica)) {
      pod = known.get(replica);
      latest = pod;
    }
    return pod;
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
    var begins = new ArrayList<Instant>();
    var ends = new ArrayList<Instant>();
    for (var pod : known.values()) {
      if (pod.instance.start().isBefore(pod.end())) {
        begins.add(pod.instance.start());
        ends.add(pod.end());
      }
    }
    begins.sort(null);
    ends.sort(null);
    var counts = new int[POINTS];
    var begun = 0;
    var ended = 0;
    for (var point = 0; point < POINTS; point++) {
      var at = from.plusMillis(step * point);
      while (begun < begins.size() && !begins.get(begun).isAfter(at)) {
        begun++;
      }
      while (ended < ends.size() && !ends.get(ended).isAfter(at)) {
        ended++;
      }
      counts[point] = begun - ended;
    }
    Arrays.sort(counts);
    return counts[POINTS / 2];
  }

  /** How many pods of these images run now; of any image when the set is empty. */
  int running(Set<String> digests, Instant now) {
    var running = 0;
    for (var pod : known.values()) {
      if (isOf(pod.instance, digests)
          && !pod.instance.start().isAfter(now)
          && pod.end().isAfter(now)) {
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
    var limit = sample.limit();
    for (var pod : known.values()) {
      if (pod.hash <= limit
          && isOf(pod.instance, digests)
          && !pod.instance.start().isAfter(until)
          && pod.end().isAfter(from)) {
        alive++;
        showed += sample.contains(pod.instance.replica(), pod.hash) ? 1 : 0;
      }
    }
    return alive == 0 ? 1 : showed / (double) alive;
  }

  /** These images when pods are known by each of them, else none, which stands for any. */
  Set<String> knownAmong(Set<String> digests) {
    return firstOf.keySet().containsAll(digests) ? digests : Set.of();
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
    spans.sort(Comparator.comparing(pod -> pod.instance.start()));
    var running = Duration.ZERO;
    var covered = from;
    for (var pod : spans) {
      var start = pod.instance.start();
      var begin = start.isAfter(covered) ? start : covered;
      var end = pod.end().isAfter(until) ? until : pod.end();
      if (end.isAfter(begin)) {
        running = running.plus(Duration.between(begin, end));
        covered = end;
      }
    }
    return running;
  }
}
