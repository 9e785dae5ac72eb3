package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.store.StoreException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a store that outlives its server promises beyond the others. */
abstract class DurableStoreContract extends BaselineStoreContract {
  /** Makes the database refuse every part whose key is {@code bad}, behind the store's back. */
  abstract void refuseBadParts() throws Exception;

  @Test
  void reopened_hasEverything() throws Exception {
    store.append(entry(1, "kept"));
    store.saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{\"n\":1}")));
    store.close();

    var again = another();

    assertThat(again.after(0, 10)).containsExactly(entry(1, "kept"));
    assertThat(learned(again)).containsExactly(part("a", CHECKOUT, "edge-1", "{\"n\":1}"));
    assertThat(again.append(entry(2, "goes on"))).isTrue();
  }

  @Test
  void saveLearned_oneRefused_noneIsSaved() throws Exception {
    refuseBadParts();
    store.saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{\"n\":1}")));

    assertThatThrownBy(
            () ->
                store.saveLearned(
                    List.of(
                        part("a", CHECKOUT, "edge-1", "{\"n\":2}"),
                        part("a", CHECKOUT, "bad", "{}"),
                        part("a", CHECKOUT, "edge-2", "{}"))))
        .isInstanceOf(StoreException.class);

    assertThat(learned(store)).containsExactly(part("a", CHECKOUT, "edge-1", "{\"n\":1}"));
    store.saveLearned(List.of(part("a", CHECKOUT, "edge-2", "{}")));
    assertThat(learned(store)).hasSize(2);
  }
}
