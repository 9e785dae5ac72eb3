package io.kith.load.scale;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/**
 * Pods that come and go, rollouts and changes, in the order of time.
 *
 * @param replaced when pods were replaced: pod and millisecond, sorted by pod and then time
 * @param changes in the order of time
 * @param newOnNode pods whose node did not run their workload before
 */
@SuppressWarnings("ArrayRecordComponent") // large, and never compared
record Churn(long[] replaced, List<Change> changes, int newOnNode) {
  private static final double DAY = 86_400;

  /** Pods of a rollout end within a minute, and what it brings is live after another. */
  private static final double ROLLOUT_SECONDS = 60;

  /** A workload's baseline, or the whole mesh's rules, changes. */
  record Change(double second, int workload) {
    /** What is said of all workloads. */
    static final int ALL = -1;
  }

  /**
   * How often things happen.
   *
   * @param rolloutsPerDay of each workload; each brings one revision
   * @param podsPerDay times that each pod is replaced otherwise: nodes drained, scaling
   * @param changesPerDay by hand, of each workload
   */
  record Rates(double rolloutsPerDay, double podsPerDay, double changesPerDay) {}

  private enum Kind {
    ROLLOUT,
    REPLACED,
    END_OF_ANY,
    BY_HAND
  }

  private record Event(double second, Kind kind, int subject) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      return Double.compare(second, other.second);
    }
  }

  /**
   * Lets it happen for a time; the mesh's pods have moved after. In the middle all rules change.
   */
  static Churn simulate(SimulatedMesh mesh, Rates rates, double seconds, SplittableRandom random) {
    var size = mesh.size();
    var rollouts = size.workloads() * rates.rolloutsPerDay() / DAY;
    var ends = size.pods() * rates.podsPerDay() / DAY;
    var byHand = size.workloads() * rates.changesPerDay() / DAY;
    var events = new PriorityQueue<Event>();
    events.add(new Event(next(random, rollouts), Kind.ROLLOUT, 0));
    events.add(new Event(next(random, ends), Kind.END_OF_ANY, 0));
    events.add(new Event(next(random, byHand), Kind.BY_HAND, 0));
    var replaced = new ArrayList<Long>();
    var changes = new ArrayList<Change>(List.of(new Change(seconds / 2, Change.ALL)));
    var newOnNode = 0;
    while (events.peek() != null && events.peek().second < seconds) {
      var event = events.remove();
      var now = event.second;
      switch (event.kind) {
        case ROLLOUT -> {
          events.add(new Event(now + next(random, rollouts), Kind.ROLLOUT, 0));
          var workload = random.nextInt(size.workloads());
          for (var i = 0; i < mesh.podsOf(workload); i++) {
            events.add(
                new Event(
                    now + ROLLOUT_SECONDS * random.nextDouble(),
                    Kind.REPLACED,
                    mesh.podOf(workload, i)));
          }
          changes.add(new Change(now + ROLLOUT_SECONDS * (1 + random.nextDouble()), workload));
        }
        case END_OF_ANY -> {
          events.add(new Event(now + next(random, ends), Kind.END_OF_ANY, 0));
          events.add(new Event(now, Kind.REPLACED, random.nextInt(size.pods())));
        }
        case BY_HAND -> {
          events.add(new Event(now + next(random, byHand), Kind.BY_HAND, 0));
          changes.add(new Change(now, random.nextInt(size.workloads())));
        }
        case REPLACED -> {
          var pod = event.subject;
          var node = random.nextInt(size.nodes());
          newOnNode += mesh.runs(node, mesh.workloadOf(pod), pod) ? 0 : 1;
          mesh.move(pod, node);
          replaced.add((long) pod << 32 | (long) (now * 1_000));
        }
      }
    }
    var sorted = replaced.stream().mapToLong(Long::longValue).toArray();
    Arrays.sort(sorted);
    changes.removeIf(change -> change.second >= seconds);
    changes.sort((one, other) -> Double.compare(one.second, other.second));
    return new Churn(sorted, changes, newOnNode);
  }

  /** Seconds until the next of what happens so often a second; never when that is 0. */
  static double next(SplittableRandom random, double perSecond) {
    return perSecond > 0 ? random.nextExponential() / perSecond : Double.POSITIVE_INFINITY;
  }

  /** Seconds at which a pod was replaced, rising. */
  double[] of(int pod) {
    var from = Arrays.binarySearch(replaced, (long) pod << 32);
    from = from < 0 ? -from - 1 : from;
    var to = from;
    while (to < replaced.length && replaced[to] >>> 32 == pod) {
      to++;
    }
    return Arrays.stream(replaced, from, to).mapToDouble(one -> (int) one / 1e3).toArray();
  }
}
