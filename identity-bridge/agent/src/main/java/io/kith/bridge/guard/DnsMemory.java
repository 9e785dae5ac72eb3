package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What pods were told about names, the latest {@value #NAMES_PER_POD} of each. When all pods have
 * too many, those that count no more are forgotten, then the oldest of the pod that has most.
 * Thread-safe.
 *
 * <p>Each fact has a number that grows, so that a reader can ask for what is new. An address of a
 * name counts for the lifetime that it was told with last, and at least a day from then: many
 * programs resolve once and connect for hours, and whose it is after that nobody knows.
 */
public final class DnsMemory {
  static final int NAMES_PER_POD = 1_024;

  /** Names and addresses of all pods, as the server remembers of a bridge. */
  static final int MOST = 100_000;

  private static final long EXPIRED_EVERY_NANOS = Duration.ofMinutes(1).toNanos();

  private static final int ADDRESSES = 64;
  private static final long LEAST_NANOS = Duration.ofDays(1).toNanos();

  private final LongSupplier nanoTime;
  private final Map<String, Names> byPod = new HashMap<>(); // guarded by this
  private final NavigableSet<Names> byWeight = // guarded by this
      new TreeSet<>(
          Comparator.comparingInt((Names names) -> names.weight).thenComparing(names -> names.pod));
  private int weight; // guarded by this
  private long expiredForgottenNanos; // guarded by this
  private final NavigableMap<Long, Known> byNumber = new TreeMap<>(); // guarded by this
  private volatile long latest; // written under this

  /**
   * What a pod was told about a name.
   *
   * @param number greater than that of every fact before
   * @param ttlSeconds of the latest answer
   * @param leftSeconds how long each address still counts; not empty, and none has ended
   */
  public record Fact(
      long number, String pod, String name, long ttlSeconds, Map<IpAddress, Long> leftSeconds) {
    public Fact {
      leftSeconds = Map.copyOf(leftSeconds);
    }
  }

  /**
   * @param untilNanos until when each address counts, the latest told first
   */
  private record Known(
      long number, String pod, String name, long ttlSeconds, Map<IpAddress, Long> untilNanos) {
    int weight() {
      return 1 + untilNanos.size();
    }

    boolean isOver(long nowNanos) {
      return untilNanos.values().stream().allMatch(until -> until - nowNanos <= 0);
    }

    Fact at(long nowNanos) {
      var left = new HashMap<IpAddress, Long>();
      untilNanos.forEach(
          (address, until) -> {
            var seconds = TimeUnit.NANOSECONDS.toSeconds(until - nowNanos);
            if (seconds > 0) {
              left.put(address, seconds);
            }
          });
      return new Fact(number, pod, name, ttlSeconds, left);
    }
  }

  /** Of one pod, the one that was told longest ago first. */
  private static final class Names {
    final String pod;
    final SequencedMap<String, Known> known = new LinkedHashMap<>();
    int weight; // changed by weigh

    Names(String pod) {
      this.pod = pod;
    }
  }

  DnsMemory() {
    this(System::nanoTime);
  }

  DnsMemory(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.expiredForgottenNanos = nanoTime.getAsLong();
  }

  /**
   * Takes in an answer; the addresses of several answers about one name add up, to {@value
   * #ADDRESSES}, each until it counts no more.
   *
   * @return whether an address is new to its name; else one counts for longer, which nobody waits
   *     for
   */
  synchronized boolean heard(String pod, DnsAnswer answer) {
    var names = byPod.computeIfAbsent(pod, Names::new);
    var before = names.known.get(answer.name());
    if (before != null) {
      forget(names, before);
    } else if (names.known.size() == NAMES_PER_POD) {
      forgetOldest(names);
    }
    var number = latest + 1;
    var known = new Known(number, pod, answer.name(), answer.ttlSeconds(), until(answer, before));
    names.known.put(answer.name(), known);
    byNumber.put(number, known);
    weigh(names, known.weight());
    latest = number;
    if (weight > MOST) {
      makeRoom();
    }
    return before == null || !before.untilNanos().keySet().containsAll(known.untilNanos().keySet());
  }

  private void makeRoom() {
    var now = nanoTime.getAsLong();
    if (now - expiredForgottenNanos >= EXPIRED_EVERY_NANOS) {
      expiredForgottenNanos = now;
      for (var one : List.copyOf(byNumber.values())) {
        if (one.isOver(now)) {
          forget(requireNonNull(byPod.get(one.pod()), "of a fact that is remembered"), one);
        }
      }
    }
    while (weight > MOST) {
      forgetOldest(byWeight.last());
    }
  }

  private void forgetOldest(Names names) {
    forget(names, names.known.firstEntry().getValue());
  }

  private void forget(Names names, Known one) {
    names.known.remove(one.name());
    byNumber.remove(one.number());
    weigh(names, -one.weight());
  }

  /** Its place among the others is by its weight. */
  private void weigh(Names names, int more) {
    byWeight.remove(names);
    names.weight += more;
    weight += more;
    byWeight.add(names);
  }

  private Map<IpAddress, Long> until(DnsAnswer answer, @Nullable Known before) {
    var now = nanoTime.getAsLong();
    var lifetime = TimeUnit.SECONDS.toNanos(answer.ttlSeconds());
    var until = new LinkedHashMap<IpAddress, Long>();
    answer.addresses().stream()
        .limit(ADDRESSES)
        .forEach(address -> until.put(address, now + Math.max(lifetime, LEAST_NANOS)));
    if (before != null) {
      before
          .untilNanos()
          .forEach(
              (address, its) -> {
                if (its - now > 0 && until.size() < ADDRESSES) {
                  until.putIfAbsent(address, its);
                }
              });
    }
    return until;
  }

  /** The number of the newest fact, 0 before any; costs nothing. */
  public long latest() {
    return latest;
  }

  /** The facts after one with a number that still count, the oldest first, at most so many. */
  public synchronized List<Fact> after(long number, int most) {
    var now = nanoTime.getAsLong();
    return byNumber.tailMap(number, false).values().stream()
        .map(known -> known.at(now))
        .filter(fact -> !fact.leftSeconds().isEmpty())
        .limit(most)
        .toList();
  }

  /** How many names are remembered. */
  public synchronized int size() {
    return byNumber.size();
  }

  /** Forgets the pods that are gone. */
  synchronized void keep(Set<String> pods) {
    if (byPod.keySet().retainAll(pods)) {
      byNumber.values().removeIf(known -> !pods.contains(known.pod()));
      byWeight.removeIf(names -> !pods.contains(names.pod));
      weight = byWeight.stream().mapToInt(names -> names.weight).sum();
    }
  }
}
