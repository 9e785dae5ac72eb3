package io.kith.load.scale;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SimulatedMeshTest {
  private static final Size SIZE = new Size(50, 1_000, 30, 400);

  @Test
  void mesh_everyWorkloadHasAPod_andEveryNodeIsFull() {
    var mesh = new SimulatedMesh(SIZE, 7);

    assertThat(IntStream.range(0, 1_000).map(mesh::podsOf)).allMatch(pods -> pods >= 1);
    var byNode = new int[SIZE.nodes()];
    IntStream.range(0, SIZE.pods()).forEach(pod -> byNode[mesh.nodeOf(pod)]++);
    assertThat(byNode).containsOnly(30);
  }

  @Test
  void podOf_isOfThatWorkload() {
    var mesh = new SimulatedMesh(SIZE, 7);

    for (var workload = 0; workload < 1_000; workload++) {
      for (var i = 0; i < mesh.podsOf(workload); i++) {
        assertThat(mesh.workloadOf(mesh.podOf(workload, i))).isEqualTo(workload);
      }
    }
  }

  @Test
  void checks_ofAllPods_areWhatWasAskedFor() {
    var mesh = new SimulatedMesh(SIZE, 7);

    var all =
        IntStream.range(0, SIZE.pods())
            .mapToDouble(pod -> mesh.checksOfEachPod(mesh.workloadOf(pod)))
            .sum();

    assertThat(all).isCloseTo(20_000, within(1.0));
  }

  @Test
  void workloadsByNode_countsEachOnce() {
    var mesh = new SimulatedMesh(SIZE, 7);

    var expected = new int[SIZE.nodes()];
    var seen = new HashSet<Long>();
    for (var pod = 0; pod < SIZE.pods(); pod++) {
      if (seen.add((long) mesh.nodeOf(pod) << 32 | mesh.workloadOf(pod))) {
        expected[mesh.nodeOf(pod)]++;
      }
    }
    assertThat(mesh.workloadsByNode()).containsExactly(expected);
  }

  @Test
  void runs_leavesOnePodAside() {
    var mesh = new SimulatedMesh(new Size(2, 1, 1, 1), 7);
    var one = mesh.podOf(0, 0);
    var other = mesh.podOf(0, 1);

    assertThat(mesh.runs(mesh.nodeOf(one), 0, other)).isTrue();
    assertThat(mesh.runs(mesh.nodeOf(one), 0, one)).isFalse();
  }

  @Test
  void size_moreWorkloadsThanPods_isRefused() {
    assertThatThrownBy(() -> new Size(10, 101, 10, 1))
        .hasMessage("workloads: 101 (expected: 1 to 100, one for each pod)");
    assertThatThrownBy(() -> new Size(1_000_000, 1, 100, 1))
        .hasMessage("1,000,000 nodes of 100 pods (expected: 1 to 20,000,000 pods in all)");
    assertThat(Arrays.asList(new Size(10, 100, 10, 1).withNodes(1).workloads()))
        .containsExactly(10);
  }
}
