package io.kith.baselines.bundle;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.CompactEdges;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PackedEdgesTest {
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");

  private static final ProcessClass CHECKOUT =
      new ProcessClass("/usr/bin/python#", "python#", "/srv/checkout.py", List.of("/bin/sh"), true);

  private static Baseline baseline(int edges) {
    var all = new ArrayList<Edge>();
    for (var i = 0; i < edges; i++) {
      all.add(
          Edge.learned(
              CHECKOUT,
              new DestinationPattern.Exact(
                  "api-" + i + ".payments.example", Evidence.CLIENT_NAME, 443, Protocol.TCP)));
    }
    return Baseline.of(OWNER, "bl:parent", all);
  }

  private static Baseline packed(Baseline baseline) {
    return PackedEdges.pack(baseline);
  }

  @Test
  void pack_isEqual_andReadsTheSame() {
    var baseline = baseline(30);

    var packed = packed(baseline);

    assertThat(packed).isEqualTo(baseline).hasSameHashCodeAs(baseline);
    assertThat(baseline).isEqualTo(packed);
    assertThat(packed.edges()).isInstanceOf(CompactEdges.class).hasSize(30);
    assertThat(BaselineJson.write(packed)).isEqualTo(BaselineJson.write(baseline));
    assertThat(packed(baseline)).isEqualTo(packed);
    assertThat(packed(baseline(29))).isNotEqualTo(packed);
  }

  @Test
  void pack_everyPart_isKept() {
    var until = Instant.parse("2027-01-02T03:04:05.123456789Z");
    var grace =
        Edge.inGrace(
            CHECKOUT,
            new DestinationPattern.PortRange(
                "shop/deployment/db", Evidence.OWNER, 33_000, 34_000, Protocol.TCP),
            new Provenance.Grace("an image of today", until));
    var byHand =
        Edge.byHand(
            CHECKOUT,
            new DestinationPattern.HostWildcard(
                null, "payments.example", Evidence.CLIENT_NAME, 443, Protocol.TCP),
            "ab".repeat(32),
            "cd".repeat(32),
            new Provenance.ByHand("ada@example.com", "SHOP-812 \u2713", until));
    var baseline = Baseline.of(OWNER, null, List.of(grace, byHand));

    assertThat(packed(baseline).edges()).containsExactlyElementsOf(baseline.edges());
  }

  @Test
  void made_sameObjectsWhileSomebodyHasThem() {
    var edges = (CompactEdges) packed(baseline(3)).edges();

    var made = edges.made();

    assertThat(edges.get(1)).isSameAs(made.get(1));
    assertThat(edges.iterator().next()).isSameAs(made.getFirst());
    assertThat(edges.made()).isSameAs(made);
  }

  @Test
  void pack_withoutEdges_staysAsItIs() {
    var empty = baseline(0);

    assertThat(packed(empty)).isSameAs(empty);
  }
}
