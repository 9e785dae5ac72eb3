package io.kith.load.evasion;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.docs.MadePart;
import io.kith.load.evasion.Evasion.Outcome;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * The table in docs/threat-model.md: every evasion of {@link Evasions}, with its outcome. It
 * changes only by {@code -Dkith.goldens=refresh}.
 */
class ThreatModelDocsTest {
  private static final MadePart PART =
      new MadePart(
          Path.of("..", "docs", "threat-model.md"),
          "<!-- evasions: made by ThreatModelDocsTest -->\n",
          "<!-- evasions end -->\n");

  @Test
  void page_hasEveryEvasionWithItsOutcome() throws Exception {
    PART.assertIs(table());
  }

  /** What the project allows itself not to cover. */
  @Test
  void notCovered_isOnlyWhatNoHookSeesAndCodeInsideAnAllowedProcess() {
    assertThat(Evasions.ALL)
        .filteredOn(evasion -> evasion.outcome() == Outcome.NOT_COVERED)
        .allSatisfy(
            evasion ->
                assertThat(evasion.because())
                    .matches(
                        "(raw socket|AF_PACKET|vsock|injection|code inside an allowed process):"
                            + " .*"));
  }

  @Test
  void evasions_haveNamesOfTheirOwnAndTechniques() {
    assertThat(Evasions.ALL).extracting(Evasion::name).doesNotHaveDuplicates();
    assertThat(Evasions.ALL)
        .allSatisfy(
            evasion ->
                assertThat(evasion.techniques())
                    .matches("T\\d{4}(\\.\\d{3})?(, T\\d{4}(\\.\\d{3})?)*"));
  }

  private static String table() {
    var table =
        new StringBuilder(
            """

            | evasion | ATT&CK | tried in | outcome | by what, or why not |
            | --- | --- | --- | --- | --- |
            """);
    for (var evasion : Evasions.ALL) {
      table
          .append("| ")
          .append(evasion.name())
          .append(" | ")
          .append(evasion.techniques())
          .append(" | ")
          .append(
              evasion.places().stream()
                  .sorted()
                  .map(Evasion.Place::words)
                  .collect(Collectors.joining(", ")))
          .append(" | ")
          .append(
              evasion.outcome() == Outcome.NOT_COVERED
                  ? "**not covered**"
                  : evasion.outcome().words())
          .append(" | ")
          .append(evasion.because())
          .append(" |\n");
    }
    return table.append('\n').toString();
  }
}
