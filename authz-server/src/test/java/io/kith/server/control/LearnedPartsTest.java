package io.kith.server.control;

import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.check.Logged;
import io.kith.server.store.InMemoryStore;
import org.junit.jupiter.api.Test;

class LearnedPartsTest {
  /** The log had it with each interval. */
  @Test
  void changed_whatCannotBeRead_isSaidOnce_andThatItIsReadAgain() throws Exception {
    var site = new Site(new InMemoryStore());
    try (var state = site.server(" "); // a name that no part may have
        var log = Logged.by(LearnedParts.class)) {
      for (var interval = 0; interval < 3; interval++) {
        site.check(state, flow(database(), PAYMENTS));
        assertThat(state.changedParts(true, 1)).isEmpty();
      }
      assertThat(log.messages())
          .containsExactly("what shop/deployment/checkout learned was not read; it is tried again");

      while (log.messages().size() == 1) { // until nothing is left that is not read
        assertThat(state.changedParts(true, 1)).isEmpty();
      }

      assertThat(log.messages()).hasSize(2).last().asString().contains("is read again");
      site.check(state, flow(database(), PAYMENTS));
      assertThat(state.changedParts(true, 1)).isEmpty();
      assertThat(log.messages()).as("once more").hasSize(3);
    }
  }
}
