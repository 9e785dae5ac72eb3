package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.DnsAnswer;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;

/**
 * The names that the pods of one bridge were told addresses of. Written by the thread of its
 * stream, read by any; inherited from by that of another.
 *
 * <p>An address counts for its lifetime and at least a day from when the pod was told it, however
 * often the bridge says it again: many programs resolve once and connect for hours.
 */
final class HeardNames {
  static final int NAMES_PER_POD = 1_024;
  private static final int ADDRESSES = 64;

  /** Names and addresses of all pods: some 400 for each of 250, and 16 MiB. */
  static final int MOST = 100_000;

  /** Pods with names that are not registered yet: their list may come a moment later. */
  static final int PODS_AHEAD = 1_024;

  private static final long EXPIRED_EVERY_NANOS = Duration.ofMinutes(1).toNanos();

  private static final int MAX_POD_ID = 80; // longer ones are cut where pods are registered

  private static final long LEAST_NANOS = Duration.ofDays(1).toNanos();
  private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,63})*");

  /**
   * @param inherited whether it was heard of a bridge before this one, in part or all
   */
  private record Fact(Map<IpAddress, Long> untilNanos, boolean inherited) {
    int weight() {
      return 1 + untilNanos.size();
    }

    /** With what the bridge before had heard and this one did not, while it counts. */
    Fact and(Fact before, long nowNanos) {
      var all = new HashMap<>(untilNanos);
      before.untilNanos.forEach(
          (address, until) -> {
            if (until - nowNanos > 0 && all.size() < ADDRESSES) {
              all.putIfAbsent(address, until);
            }
          });
      return new Fact(all, true);
    }

    boolean isOver(long nowNanos) {
      return untilNanos.values().stream().allMatch(until -> until - nowNanos <= 0);
    }
  }

  /** Names of a pod, oldest first. */
  private static final class Names {
    final String pod;
    final SequencedMap<String, Fact> facts = new LinkedHashMap<>();

    /** Changed while it is read; what is heard at a time is little against what there is. */
    final Map<IpAddress, Map<String, Long>> index = new ConcurrentHashMap<>();

    int weight; // changed by weigh

    Names(String pod) {
      this.pod = pod;
    }
  }

  private final LongSupplier nanoTime;
  private final Map<String, Names> byPod = new ConcurrentHashMap<>(); // written under this
  private final NavigableSet<Names> byWeight = // the same; guarded by this
      new TreeSet<>(
          Comparator.comparingInt((Names names) -> names.weight).thenComparing(names -> names.pod));
  private Set<String> registered = Set.of(); // guarded by this
  private int weight; // guarded by this
  private long expiredForgottenNanos; // guarded by this

  HeardNames(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.expiredForgottenNanos = nanoTime.getAsLong();
  }

  /**
   * Takes in answers; one that makes no sense is left out. A pod with too many names forgets its
   * oldest. When all pods have too many, those whose lifetime is over are forgotten, then the
   * oldest of the pod that has most; of the one that hears, where no other has more, and one
   * without any hears nothing then. Nor does one that is not registered while many such have names.
   */
  synchronized void heard(Collection<DnsAnswer> answers) {
    for (var answer : answers) {
      if (isSensible(answer) && isOfAPod(answer.getPodId())) {
        var names = byPod.computeIfAbsent(answer.getPodId(), Names::new);
        add(names, answer.getName(), fact(answer));
        leaveOutIfEmpty(names);
      }
    }
  }

  private void add(Names names, String name, Fact heard) {
    var before = names.facts.remove(name);
    var fact = before != null && before.inherited ? heard.and(before, nanoTime.getAsLong()) : heard;
    weigh(names, before == null ? 0 : -before.weight());
    if (names.facts.size() >= NAMES_PER_POD) {
      forgetOldest(names);
    }
    if (weight + fact.weight() > MOST) {
      makeRoom(names, fact.weight());
    }
    var gone = new HashSet<IpAddress>(before == null ? Set.of() : before.untilNanos().keySet());
    if (weight + fact.weight() <= MOST) {
      names.facts.put(name, fact);
      weigh(names, fact.weight());
      index(names.index, name, fact);
      gone.removeAll(fact.untilNanos().keySet());
    }
    leaveOut(names.index, name, gone);
  }

  private void makeRoom(Names names, int needed) {
    if (nanoTime.getAsLong() - expiredForgottenNanos >= EXPIRED_EVERY_NANOS) {
      forgetExpired(names);
    }
    while (weight + needed > MOST && byWeight.last().weight > names.weight + needed) {
      var heaviest = byWeight.last();
      forgetOldest(heaviest);
      leaveOutIfEmpty(heaviest);
    }
    while (weight + needed > MOST && !names.facts.isEmpty()) {
      forgetOldest(names);
    }
  }

  /** One that hears just now stays, with nothing maybe. */
  private void forgetExpired(Names hearing) {
    var now = nanoTime.getAsLong();
    expiredForgottenNanos = now;
    for (var names : byPod.values()) {
      for (var fact : List.copyOf(names.facts.entrySet())) {
        if (fact.getValue().isOver(now)) {
          names.facts.remove(fact.getKey());
          forgotten(names, fact);
        }
      }
      if (names != hearing) {
        leaveOutIfEmpty(names);
      }
    }
  }

  private void forgetOldest(Names names) {
    forgotten(names, names.facts.pollFirstEntry());
  }

  private void forgotten(Names names, Map.Entry<String, Fact> fact) {
    weigh(names, -fact.getValue().weight());
    leaveOut(names.index, fact.getKey(), fact.getValue().untilNanos().keySet());
  }

  private void leaveOutIfEmpty(Names names) {
    if (names.facts.isEmpty()) {
      byPod.remove(names.pod);
      byWeight.remove(names);
    }
  }

  /** Its place among the others is by its weight. */
  private void weigh(Names names, int more) {
    byWeight.remove(names);
    names.weight += more;
    weight += more;
    byWeight.add(names);
  }

  private boolean isOfAPod(String id) {
    return registered.contains(id)
        || byPod.containsKey(id)
        || byPod.size() < registered.size() + PODS_AHEAD;
  }

  private static boolean isSensible(DnsAnswer answer) {
    return answer.getPodId().length() <= MAX_POD_ID
        && answer.getName().length() <= 253
        && NAME.matcher(answer.getName()).matches()
        && answer.getAddressesCount() <= ADDRESSES
        && (answer.getLeftSecondsCount() == 0 // of an older bridge
            || answer.getLeftSecondsCount() == answer.getAddressesCount())
        && answer.getAddressesList().stream()
            .allMatch(address -> address.size() == 4 || address.size() == 16);
  }

  private Fact fact(DnsAnswer answer) {
    var now = nanoTime.getAsLong();
    var until = new HashMap<IpAddress, Long>();
    for (var i = 0; i < answer.getAddressesCount(); i++) {
      var left =
          answer.getLeftSecondsCount() == 0
              ? Math.max(nanos(answer.getTtlSeconds()), LEAST_NANOS)
              : nanos(answer.getLeftSeconds(i));
      until.put(IpAddress.of(answer.getAddresses(i).toByteArray()), now + left);
    }
    return new Fact(until, false);
  }

  private static long nanos(int unsignedSeconds) {
    return TimeUnit.SECONDS.toNanos(Integer.toUnsignedLong(unsignedSeconds));
  }

  private static void index(Map<IpAddress, Map<String, Long>> index, String name, Fact fact) {
    fact.untilNanos()
        .forEach(
            (address, until) ->
                index.computeIfAbsent(address, _ -> new ConcurrentHashMap<>(1)).put(name, until));
  }

  private static void leaveOut(
      Map<IpAddress, Map<String, Long>> index, String name, Set<IpAddress> addresses) {
    for (var address : addresses) {
      var named = index.get(address);
      if (named != null) {
        named.remove(name);
        if (named.isEmpty()) {
          index.remove(address);
        }
      }
    }
  }

  /** The names for which the pod was told this address. */
  Set<String> of(String pod, IpAddress address) {
    var its = byPod.get(pod);
    var named = its == null ? null : its.index.get(address);
    if (named == null) {
      return Set.of();
    }
    var now = nanoTime.getAsLong();
    var names = new HashSet<String>();
    named.forEach(
        (name, until) -> {
          if (until - now > 0) {
            names.add(name);
          }
        });
    return names;
  }

  /** Takes over what was heard of these pods by a bridge whose place is taken. */
  void inherit(HeardNames former, Set<String> pods) {
    former.of(pods).forEach(this::inherit);
  }

  private synchronized Map<String, SequencedMap<String, Fact>> of(Set<String> pods) {
    var found = new HashMap<String, SequencedMap<String, Fact>>();
    byPod.forEach(
        (pod, names) -> {
          if (pods.contains(pod)) {
            found.put(pod, new LinkedHashMap<>(names.facts));
          }
        });
    return found;
  }

  private synchronized void inherit(String pod, SequencedMap<String, Fact> facts) {
    var its = weightOf(facts);
    if (weight + its <= MOST && !byPod.containsKey(pod)) {
      var names = new Names(pod);
      facts.forEach(
          (name, fact) -> {
            names.facts.put(name, new Fact(fact.untilNanos, true));
            index(names.index, name, fact);
          });
      weigh(names, its);
      byPod.put(pod, names);
    }
  }

  /** Forgets the pods that are not among these, which are all that are registered. */
  synchronized void keep(Set<String> pods) {
    registered = Set.copyOf(pods);
    byPod.keySet().retainAll(pods);
    byWeight.removeIf(names -> !pods.contains(names.pod));
    weight = byWeight.stream().mapToInt(names -> names.weight).sum();
  }

  private static int weightOf(Map<String, Fact> names) {
    return names.values().stream().mapToInt(Fact::weight).sum();
  }
}
