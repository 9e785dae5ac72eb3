package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.DnsAnswer;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.regex.Pattern;

/**
 * The names that the pods of one bridge were told addresses of. Written by the thread of its
 * stream, read by any; inherited from by that of another.
 *
 * <p>A name is kept for its lifetime and at least a day: many programs resolve once and connect for
 * hours.
 */
final class HeardNames {
  static final int NAMES_PER_POD = 1_024;
  private static final int ADDRESSES = 64;

  /** Names and addresses of all pods: some 400 for each of 250, and 16 MiB. */
  static final int MOST = 100_000;

  /** Pods with names that are not registered yet: their list may come a moment later. */
  static final int PODS_AHEAD = 1_024;

  private static final int MAX_POD_ID = 80; // longer ones are cut where pods are registered

  private static final long LEAST_NANOS = Duration.ofDays(1).toNanos();
  private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,63})*");

  private record Fact(Set<IpAddress> addresses, long untilNanos) {
    int weight() {
      return 1 + addresses.size();
    }
  }

  private final LongSupplier nanoTime;
  private final Map<String, SequencedMap<String, Fact>> byPod = new HashMap<>(); // guarded by this
  private final Map<String, Map<IpAddress, Map<String, Long>>> index = new ConcurrentHashMap<>();
  private Set<String> registered = Set.of(); // guarded by this
  private int weight; // guarded by this

  HeardNames(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  /**
   * Takes in answers; one that makes no sense is left out. A pod with too many names forgets its
   * oldest, as does one that hears another when all pods have too many; one without any hears
   * nothing then, nor does one that is not registered while many such have names.
   */
  synchronized void heard(Collection<DnsAnswer> answers) {
    var touched = new HashSet<String>();
    for (var answer : answers) {
      if (isSensible(answer) && isOfAPod(answer.getPodId())) {
        var names = byPod.computeIfAbsent(answer.getPodId(), _ -> new LinkedHashMap<>());
        add(names, answer.getName(), fact(answer));
        touched.add(answer.getPodId());
      }
    }
    for (var pod : touched) {
      var names = requireNonNull(byPod.get(pod), "touched");
      if (names.isEmpty()) {
        byPod.remove(pod);
        index.remove(pod);
      } else {
        index.put(pod, indexed(names));
      }
    }
  }

  private void add(SequencedMap<String, Fact> names, String name, Fact fact) {
    var before = names.remove(name);
    weight -= before == null ? 0 : before.weight();
    while (!names.isEmpty() && (names.size() >= NAMES_PER_POD || weight + fact.weight() > MOST)) {
      weight -= names.pollFirstEntry().getValue().weight();
    }
    if (weight + fact.weight() <= MOST) {
      names.put(name, fact);
      weight += fact.weight();
    }
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
        && answer.getAddressesList().stream()
            .allMatch(address -> address.size() == 4 || address.size() == 16);
  }

  private Fact fact(DnsAnswer answer) {
    var addresses = new HashSet<IpAddress>();
    answer.getAddressesList().forEach(bytes -> addresses.add(IpAddress.of(bytes.toByteArray())));
    var lifetime = Duration.ofSeconds(Integer.toUnsignedLong(answer.getTtlSeconds())).toNanos();
    return new Fact(addresses, nanoTime.getAsLong() + Math.max(lifetime, LEAST_NANOS));
  }

  private static Map<IpAddress, Map<String, Long>> indexed(Map<String, Fact> names) {
    var all = new HashMap<IpAddress, Map<String, Long>>();
    names.forEach(
        (name, fact) ->
            fact.addresses()
                .forEach(
                    address ->
                        all.computeIfAbsent(address, _ -> new HashMap<>())
                            .put(name, fact.untilNanos())));
    return all;
  }

  /** The names for which the pod was told this address. */
  Set<String> of(String pod, IpAddress address) {
    var named = index.getOrDefault(pod, Map.of()).getOrDefault(address, Map.of());
    if (named.isEmpty()) {
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
            found.put(pod, new LinkedHashMap<>(names));
          }
        });
    return found;
  }

  private synchronized void inherit(String pod, SequencedMap<String, Fact> names) {
    var its = weightOf(names);
    if (weight + its <= MOST && byPod.putIfAbsent(pod, names) == null) {
      index.put(pod, indexed(names));
      weight += its;
    }
  }

  /** Forgets the pods that are not among these, which are all that are registered. */
  synchronized void keep(Set<String> pods) {
    registered = Set.copyOf(pods);
    byPod.keySet().retainAll(pods);
    index.keySet().retainAll(pods);
    weight = byPod.values().stream().mapToInt(HeardNames::weightOf).sum();
  }

  private static int weightOf(Map<String, Fact> names) {
    return names.values().stream().mapToInt(Fact::weight).sum();
  }
}
