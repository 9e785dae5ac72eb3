package io.kith.server.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.change.Promotion;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.server.store.InMemoryStore;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ImportsTest {
  private static final Owner ONE = Shop.CHECKOUT.owner();
  private static final Owner TWO = Shop.CATALOG.owner();
  private static final Owner THREE = Shop.DB.owner();

  @Test
  void propose_cutShort_saysWhatWasProposed_andGoesOnWhenGivenAgain() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      var arrived = arrived(ONE, TWO, THREE);
      var proposed = arrived.promotion().baselines().stream().map(Baseline::revision).toList();
      // the store goes away behind the second change
      store.first = () -> store.first = () -> store.away = true;

      assertThatThrownBy(() -> state.imports().propose(arrived, "release 7", "ada"))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining(THREE + ": nothing was changed: db.example.org does not answer")
          .hasMessageContaining(
              "proposed before it: " + proposed.getFirst() + ", " + proposed.get(1))
          .hasMessageContaining("give the same bundle again");

      store.away = false;
      assertThat(state.imports().propose(arrived, "release 7", "ada")).isEqualTo(proposed);
      assertThat(store.rows).hasSize(3);
    }
  }

  /** What the shop does, as the baseline of each of these. */
  private static Imports.Arrived arrived(Owner... owners) throws Exception {
    var elsewhere = new Site(new InMemoryStore());
    List<Edge> edges;
    try (var state = elsewhere.server()) {
      elsewhere.check(state, Shop.flow(Shop.database(), Shop.PAYMENTS));
      edges = state.finishTestRun(ONE, "suite passed", "ada").baseline().edges();
    }
    var baselines = Stream.of(owners).map(owner -> Baseline.of(owner, null, edges)).toList();
    return new Imports.Arrived(
        new Promotion("shop", List.of(), baselines, Map.of(), List.of(), List.of()), "qa");
  }
}
