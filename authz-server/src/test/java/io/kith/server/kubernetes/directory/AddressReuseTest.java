package io.kith.server.kubernetes.directory;

import static io.kith.server.kubernetes.directory.Cluster.at;
import static io.kith.server.kubernetes.directory.Cluster.deployed;
import static io.kith.server.kubernetes.directory.Cluster.leaving;
import static io.kith.server.kubernetes.directory.Cluster.name;
import static io.kith.server.kubernetes.directory.Cluster.pod;
import static io.kith.server.kubernetes.directory.Cluster.replicaSet;
import static io.kith.server.kubernetes.directory.Cluster.service;
import static io.kith.server.kubernetes.directory.Cluster.slice;
import static io.kith.server.kubernetes.directory.Cluster.speaking;
import static io.kith.server.kubernetes.directory.Cluster.statefulSet;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods come and go at few addresses, and what is told of them comes in many orders. */
class AddressReuseTest {
  private static final List<String> ADDRESSES = List.of("10.0.0.1", "10.0.0.2", "10.0.0.3");

  /**
   * Each pod has a life, told in order; the lives are told in any interleaving, as lists after an
   * outage do.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void anyOrder_neverNamesAnOlderPodWhileALaterOneIsThere_andEndsAlike(long seed) {
    var random = new Random(seed);
    for (var round = 0; round < 200; round++) {
      var index = Cluster.index();
      var lives = lives(random);
      var told = new HashMap<String, Facts.Pod>();
      while (!lives.isEmpty()) {
        var at = random.nextInt(lives.size());
        var life = lives.get(at);
        life.removeFirst().accept(index, told);
        if (life.isEmpty()) {
          lives.remove(at);
        }
        assertAsTheObjectsSay(index, told, seed, round);
      }
      var again = Cluster.index();
      told.values().forEach(again::put);
      assertAsTheObjectsSay(again, told, seed, round);
    }
  }

  @FunctionalInterface
  private interface Event {
    void accept(ClusterIndex index, Map<String, Facts.Pod> told);
  }

  private static List<List<Event>> lives(Random random) {
    return new ArrayList<>(
        IntStream.range(0, 2 + random.nextInt(5)).mapToObj(one -> life(one, random)).toList());
  }

  private static List<Event> life(int number, Random random) {
    var name = "shop/pod-" + number;
    var owner = statefulSet("owner-" + number);
    var started = random.nextInt(4);
    var address = ADDRESSES.get(random.nextInt(ADDRESSES.size()));
    var events = new ArrayList<Event>();
    events.add(put(pod(name, owner, started)));
    events.add(put(pod(name, owner, started, address)));
    for (var i = random.nextInt(3); i > 0; i--) {
      events.add(put(pod(name, "account-" + i, owner, started, address)));
    }
    if (random.nextBoolean()) {
      events.add(put(leaving(pod(name, owner, started, address))));
    }
    if (random.nextInt(4) > 0) {
      events.add(
          (index, told) -> {
            index.removePod(name(name));
            told.remove(name);
          });
    }
    return events;
  }

  private static Event put(Facts.Pod pod) {
    return (index, told) -> {
      index.put(pod);
      told.put(pod.name().toString(), pod);
    };
  }

  /** The rule, said without an index. */
  private static void assertAsTheObjectsSay(
      ClusterIndex index, Map<String, Facts.Pod> told, long seed, int round) {
    for (var address : ADDRESSES) {
      var byRank = new TreeMap<Long, List<Facts.Pod>>();
      for (var pod : told.values()) {
        if (pod.addresses().contains(Cluster.ip(address))) {
          byRank
              .computeIfAbsent(
                  pod.leaving() ? pod.started() - 1_000 : pod.started(), _ -> new ArrayList<>())
              .add(pod);
        }
      }
      var best = byRank.isEmpty() ? List.<Facts.Pod>of() : byRank.lastEntry().getValue();
      var expected =
          best.size() == 1
              ? "shop/statefulset/" + requireNonNull(best.getFirst().controller()).name()
              : "nobody";
      assertThat(at(index, address))
          .as("seed %d round %d %s", seed, round, address)
          .isEqualTo(expected);
      for (var pod : told.values()) {
        var says = speaking(index, "shop/" + pod.account(), address);
        if (!byRank.isEmpty()
            && best.stream().noneMatch(one -> one.account().equals(pod.account()))) {
          assertThat(says).as("seed %d round %d %s", seed, round, pod).isEqualTo("nobody");
        }
      }
    }
    assertThat(index.counts().pods()).isEqualTo(told.size());
  }

  /** Streams of pods, ReplicaSets, services and endpoints, in any interleaving, end alike. */
  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13, 14})
  void anyOrderOfStreams_endsAlike_andNothingIsKept(long seed) {
    var random = new Random(seed);
    for (var round = 0; round < 300; round++) {
      var index = Cluster.index();
      interleave(
          index,
          random,
          List.of(
              i -> i.put(pod("shop/web-a", "web", replicaSet("web-1"), 1)),
              i -> i.put(pod("shop/web-a", "web", replicaSet("web-1"), 1, "10.0.0.1")),
              i -> i.put(pod("shop/web-b", "web", replicaSet("web-1"), 2, "10.0.0.2")),
              i -> i.removePod(name("shop/web-a"))),
          List.of(i -> i.put(deployed("shop/web-1", "web"))),
          List.of(i -> i.put(service("shop/web", "10.96.0.1"))),
          List.of(
              i -> i.put(slice("shop/s1", "shop/web", "10.0.0.1")),
              i -> i.put(slice("shop/s1", "shop/web", "10.0.0.1", "10.0.0.2")),
              i -> i.put(slice("shop/s2", "shop/web", "10.0.0.2")),
              i -> i.put(slice("shop/s1", "shop/web"))));

      assertThat(at(index, "10.0.0.2")).isEqualTo("shop/deployment/web");
      assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
      assertThat(at(index, "10.96.0.1"))
          .as("seed %d round %d", seed, round)
          .isEqualTo("shop/deployment/web");

      interleave(
          index,
          random,
          List.of(i -> i.removePod(name("shop/web-b"))),
          List.of(i -> i.removeParent("ReplicaSet", name("shop/web-1"))),
          List.of(i -> i.removeService(name("shop/web"))),
          List.of(i -> i.removeSlice(name("shop/s1")), i -> i.removeSlice(name("shop/s2"))));
      assertThat(index.counts().workloads()).as("seed %d round %d", seed, round).isZero();
      assertThat(index.counts().services().values()).containsOnly(0L);
    }
  }

  @SafeVarargs
  private static void interleave(
      ClusterIndex index, Random random, List<Consumer<ClusterIndex>>... streams) {
    var left = new ArrayList<List<Consumer<ClusterIndex>>>();
    for (var stream : streams) {
      left.add(new ArrayList<>(stream));
    }
    while (!left.isEmpty()) {
      var at = random.nextInt(left.size());
      left.get(at).removeFirst().accept(index);
      if (left.get(at).isEmpty()) {
        left.remove(at);
      }
    }
  }

  /** What reads meanwhile sees one owner or the other, and never nobody. */
  @Test
  void podThatChanges_isNeverGoneForAMoment() throws InterruptedException {
    var index = Cluster.index();
    index.put(pod("shop/a", statefulSet("one"), 1, "10.0.0.1"));
    var gone = new java.util.concurrent.atomic.AtomicInteger();
    var done = new java.util.concurrent.atomic.AtomicBoolean();
    var reader =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!done.get()) {
                    if (at(index, "10.0.0.1").equals("nobody")) {
                      gone.incrementAndGet();
                    }
                  }
                });
    for (var i = 0; i < 20_000; i++) {
      index.put(pod("shop/a", i % 2 == 0 ? "x" : "y", statefulSet("one"), i, "10.0.0.1"));
    }
    done.set(true);
    reader.join();

    assertThat(gone).hasValue(0);
  }
}
