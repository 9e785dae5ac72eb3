package io.kith.baselines.bundle;

import static io.kith.baselines.bundle.Keys.LEARNER;
import static io.kith.baselines.bundle.Keys.RING;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class SealsTest {
  private static final Change CHANGE =
      new Change(
          Instant.parse("2026-11-25T12:00:00Z"), "ada", "of \ud83f\udffe", "deny", "*", "{}");

  /** As an entry is that was sealed when what Unicode did not know was escaped. */
  @Test
  void problem_ofAnEntryThatWasSealedBefore_isNone() {
    var text =
        "{\"at\":\"2026-11-25T12:00:00Z\",\"author\":\"ada\",\"before\":\"\",\"body\":\"{}\","
            + "\"kind\":\"deny\",\"note\":\"of \\ud83f\\udffe\",\"position\":1,\"subject\":\"*\"}";
    var message = Dsse.message("application/vnd.kith.change+json", text.getBytes(UTF_8));
    var seal = LEARNER.id() + " " + Dsse.base64(LEARNER.sign(message));

    assertThat(Seals.problem(Seals.FIRST, new Entry(1, CHANGE, seal), RING)).isNull();
    assertThat(Seals.problem(Seals.FIRST, new Entry(2, CHANGE, seal), RING)).isNotNull();
  }

  @Test
  void problem_ofAnEntryThatIsSealedNow_isNone() {
    assertThat(Seals.problem(Seals.FIRST, Seals.seal(Seals.FIRST, 1, CHANGE, LEARNER), RING))
        .isNull();
  }
}
