package io.kith.baselines.change;

import static io.kith.baselines.change.Edges.APP_TO_API;
import static io.kith.baselines.change.Edges.APP_TO_CART;
import static io.kith.baselines.change.Edges.APP_TO_DB;
import static io.kith.baselines.change.Edges.TOOL_TO_API;
import static io.kith.baselines.change.Edges.baseline;
import static io.kith.baselines.change.Edges.hashed;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class BaselineDiffTest {
  @Test
  void of_processesAndDestinations_areKeptApart() {
    var diff =
        BaselineDiff.of(
            baseline(null, APP_TO_DB, APP_TO_CART),
            baseline(null, APP_TO_DB, APP_TO_API, TOOL_TO_API));

    assertThat(diff.newProcesses()).containsExactly(TOOL_TO_API);
    assertThat(diff.newDestinations()).containsExactly(APP_TO_API);
    assertThat(diff.goneDestinations()).containsExactly(APP_TO_CART);
    assertThat(diff.goneProcesses()).isEmpty();
    assertThat(diff.same()).isEqualTo(1);
    assertThat(diff.hasNoNewBehaviour()).isFalse();
  }

  @Test
  void of_anotherHash_isNoNewBehaviour() {
    var diff = BaselineDiff.of(baseline(null, hashed('a')), baseline(null, hashed('b')));

    assertThat(diff.otherFiles()).hasSize(1);
    assertThat(diff.hasNoNewBehaviour()).isTrue();
    assertThat(diff.text())
        .isEqualTo(
            """
            Only the file changed
              ~ /usr/bin/tool ← /init → vendor.example.com:443: aaaaaaaaaaaa -> bbbbbbbbbbbb
            Unchanged: 0 edges
            """);
  }

  @Test
  void of_aHashThatIsNoLongerAskedFor_isNewBehaviour() {
    var strict = hashed('a');
    var loose = Edge.learned(strict.process(), strict.destination());

    var diff = BaselineDiff.of(baseline(null, strict), baseline(null, loose));

    assertThat(diff.otherTerms()).hasSize(1);
    assertThat(diff.hasNoNewBehaviour()).isFalse();
  }

  @Test
  void of_anEndThatIsGone_isNewBehaviour() {
    var until = byHand(Instant.parse("2027-01-01T00:00:00Z"));
    var forever = byHand(null);

    var diff = BaselineDiff.of(baseline(null, until), baseline(null, forever));

    assertThat(diff.text())
        .isEqualTo(
            """
            Other terms
              ~ /app/checkout ← /init → api.example.com:443: class until 2027-01-01T00:00:00Z -> class
            Unchanged: 0 edges
            """);
    assertThat(diff.hasNoNewBehaviour()).isFalse();
  }

  private static Edge byHand(@org.jspecify.annotations.Nullable Instant until) {
    return Edge.byHand(
        APP_TO_API.process(),
        APP_TO_API.destination(),
        null,
        null,
        new Provenance.ByHand("ada", "x", until));
  }

  @Test
  void of_nothingBefore_isAllNew() {
    assertThat(BaselineDiff.of(null, baseline(null, APP_TO_DB)).newProcesses())
        .containsExactly(APP_TO_DB);
  }

  @Test
  void text_isOneLineForEachEdge_inAStableOrder() {
    var diff =
        BaselineDiff.of(
            baseline(null, APP_TO_DB, APP_TO_CART),
            baseline(null, TOOL_TO_API, APP_TO_API, APP_TO_DB));

    assertThat(diff.text())
        .isEqualTo(
            """
            New processes
              + /usr/bin/tool ← /init → api.example.com:443
            New destinations
              + /app/checkout ← /init → api.example.com:443
            Gone destinations
              - /app/checkout ← /init → shop/deployment/cart:8080
            Unchanged: 1 edge
            """);
    assertThat(BaselineDiff.of(baseline(null, APP_TO_DB), baseline(null, APP_TO_DB)).text())
        .isEqualTo("No difference: 1 edge\n");
  }

  @Test
  void text_ofAPathThatWouldMoveTheCursor_isHarmless() {
    var evil = Edge.learned(Edges.process("/tmp/\u001b[2Jx\n+ fine"), APP_TO_API.destination());

    assertThat(BaselineDiff.of(null, baseline(null, evil)).text().lines()).hasSize(3);
    assertThat(BaselineDiff.of(null, baseline(null, evil)).text()).doesNotContain("\u001b");
  }
}
