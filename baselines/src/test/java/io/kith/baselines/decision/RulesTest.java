package io.kith.baselines.decision;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import org.junit.jupiter.api.Test;

class RulesTest {
  /** Edges that count how often they are made. */
  private static final class Counted extends CompactEdges {
    private int times;

    Counted() {
      super(1);
    }

    @Override
    protected List<Edge> make() {
      times++;
      return List.of(
          Edge.learned(
              new ProcessClass("/app/checkout", "checkout", null, List.of(), false),
              new DestinationPattern.Exact("db.example", Evidence.DNS, 5432, Protocol.TCP)));
    }
  }

  @Test
  void of_compactEdges_areNotMadeAgainWhileTheRulesAreInUse() {
    var edges = new Counted();
    var baseline = new Baseline("bl:1", Owner.parse("shop/deployment/checkout"), null, edges);

    var rules = Snapshot.Rules.of(baseline, List.of());
    System.gc();

    assertThat(baseline.edges()).hasSize(1).allMatch(edge -> edge.id().startsWith("e:"));
    assertThat(edges.times).isEqualTo(1);
    assertThat(rules.revision()).isEqualTo("bl:1"); // still in use
  }
}
