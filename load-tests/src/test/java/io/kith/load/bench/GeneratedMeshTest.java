package io.kith.load.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Reason.NewDestination;
import io.kith.baselines.decision.Reason.NewProcess;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.edge.Edge;
import java.time.Instant;
import java.util.HashSet;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class GeneratedMeshTest {
  private static final int WORKLOADS = 40;
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final GeneratedMesh MESH = new GeneratedMesh(1, 30);

  @Test
  void baseline_isTheSameAgain_andHasAllItsEdges() {
    for (var workload = 0; workload < WORKLOADS; workload++) {
      assertThat(MESH.baseline(workload)).isEqualTo(MESH.baseline(workload));
      assertThat(MESH.baseline(workload).edges()).hasSize(30);
    }
  }

  @Test
  void baseline_hasEveryKindOfDestination_andSeveralClasses() {
    var kinds = new HashSet<Class<?>>();
    for (var workload = 0; workload < WORKLOADS; workload++) {
      var edges = MESH.baseline(workload).edges();
      edges.forEach(edge -> kinds.add(edge.destination().getClass()));
      assertThat(edges.stream().map(Edge::process).collect(Collectors.toSet()))
          .hasSizeBetween(2, 4);
    }

    assertThat(kinds)
        .containsExactlyInAnyOrder(
            DestinationPattern.Exact.class,
            DestinationPattern.HostWildcard.class,
            DestinationPattern.AddressBlock.class,
            DestinationPattern.PortRange.class);
  }

  @Test
  void allowed_isAllowedByManyEdges() {
    var random = new SplittableRandom(2);
    var used = new HashSet<Edge>();
    for (var n = 0; n < 20 * WORKLOADS; n++) {
      var workload = n % WORKLOADS;
      var verdict = verdict(workload, MESH.allowed(workload, random));
      assertThat(verdict).isInstanceOf(Allow.class);
      used.add(((Allow) verdict).edge());
    }

    assertThat(used).hasSizeGreaterThan(10 * WORKLOADS);
  }

  @Test
  void unknown_isDenied_asNewProcessOrNewDestination() {
    var random = new SplittableRandom(3);
    var reasons = new HashSet<Class<?>>();
    for (var n = 0; n < 200; n++) {
      var verdict = verdict(n % WORKLOADS, MESH.unknown(n % WORKLOADS, random));
      assertThat(verdict).isInstanceOf(Deny.class);
      reasons.add(((Deny) verdict).reason().getClass());
    }

    assertThat(reasons).containsExactlyInAnyOrder(NewProcess.class, NewDestination.class);
  }

  private static Verdict verdict(int workload, io.kith.baselines.decision.Flow flow) {
    return Decider.decide(GeneratedMesh.snapshot(MESH.baseline(workload)), flow, NOON).applied();
  }
}
