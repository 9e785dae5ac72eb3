package io.kith.load.bench;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import java.util.Comparator;
import java.util.HashSet;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WorkloadOrderTest {
  private static final long SEED = 4_711;

  @Test
  void everyOnce_asksEachOnceInEveryRound_inAnotherOrder() {
    var order = WorkloadOrder.everyOnce(100, new SplittableRandom(SEED));

    var rounds = new HashSet<>();
    for (var round = 0; round < 5; round++) {
      var asked = IntStream.generate(order::next).limit(100).boxed().toList();
      assertThat(asked).doesNotHaveDuplicates().allMatch(workload -> workload < 100);
      rounds.add(asked);
    }
    assertThat(rounds).hasSize(5);
  }

  @Test
  void byTraffic_asksTheBusiestHalfOfTheTime_andAllOfThemAtTimes() {
    var order = WorkloadOrder.byTraffic(1_000, new SplittableRandom(SEED));
    var busy = WorkloadOrder.busyHalf(1_000);

    var counts =
        IntStream.generate(order::next)
            .limit(200_000)
            .boxed()
            .collect(groupingBy(workload -> workload, counting()));

    var most = counts.values().stream().sorted(Comparator.reverseOrder()).toList();
    assertThat(counts).hasSize(1_000).containsOnlyKeys(IntStream.range(0, 1_000).boxed().toList());
    assertThat(most.stream().limit(busy).mapToLong(n -> n).sum())
        .isCloseTo(100_000, withPercentage(5));
    assertThat((double) most.getFirst() / most.get(9))
        .isCloseTo(Math.pow(10, WorkloadOrder.SKEW), withPercentage(10));
  }

  @Test
  void busyHalf_isFew() {
    assertThat(WorkloadOrder.busyHalf(1)).isEqualTo(1);
    assertThat(WorkloadOrder.busyHalf(2)).isEqualTo(1);
    assertThat(WorkloadOrder.busyHalf(10_000)).isEqualTo(expectedHalf(10_000));
  }

  private static int expectedHalf(int workloads) {
    var all = IntStream.rangeClosed(1, workloads).mapToDouble(k -> 1 / Math.pow(k, 0.99)).sum();
    var sum = 0.0;
    var k = 0;
    while (sum < all / 2) {
      sum += 1 / Math.pow(++k, 0.99);
    }
    return k;
  }
}
