package io.kith.baselines.mutation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.mutation.Mutants.Change;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MutantsTest {
  private static final String NEGATED = "negated conditional";
  private static final Change CHANGE = new Change("p.a", "Range.covers", NEGATED);

  @ParameterizedTest
  @ValueSource(strings = {"KILLED", "TIMED_OUT", "MEMORY_ERROR"})
  void read_whatATestFailedOrDidNotEndOn_isNoticed(String status) throws Exception {
    assertThat(Mutants.read(report(mutant(status, "p.a.Range", "covers", NEGATED))).alive())
        .isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"SURVIVED", "NO_COVERAGE"})
  void read_whatEveryTestPassedWithOrNoneRan_isAlive(String status) throws Exception {
    assertThat(Mutants.read(report(mutant(status, "p.a.Range", "covers", NEGATED))).alive())
        .isEqualTo(Map.of(CHANGE, 1L));
  }

  @ParameterizedTest
  @ValueSource(strings = {"RUN_ERROR", "NOT_STARTED", "STARTED", "NON_VIABLE", ""})
  void read_whatDidNotRun_isRefused(String status) {
    assertThatThrownBy(() -> Mutants.read(report(mutant(status, "p.a.Range", "covers", NEGATED))))
        .hasMessage("p.a: Range.covers: negated conditional: " + status + " (run PIT again)");
  }

  @Test
  void read_aChange_hasANameWithoutLinesAndNumbersOfLambdas() throws Exception {
    var mutants =
        Mutants.read(
            report(
                mutant(
                    "SURVIVED",
                    "p.a.Range$Part",
                    "lambda$covers$12",
                    "replaced boolean return with true for p/a/Range$Part::lambda$covers$12"),
                mutant("SURVIVED", "p.a.Range", "&lt;init&gt;", "removed call to p/b/Book::add")));

    assertThat(mutants.alive())
        .containsOnlyKeys(
            new Change("p.a", "Range.Part.covers", "replaced boolean return with true"),
            new Change("p.a", "Range.<init>", "removed call to Book::add"));
  }

  @Test
  void problems_nineOfTen_isEnough_eightOfNine_isNot() throws Exception {
    var killed = mutant("KILLED", "p.a.Range", "covers", NEGATED);
    var alive = mutant("SURVIVED", "p.a.Range", "covers", NEGATED);
    var listed = Map.of(CHANGE, 1L);

    assertThat(Mutants.read(report(killed.repeat(9), alive)).problems(Set.of("p.a"), listed))
        .isEmpty();
    assertThat(Mutants.read(report(killed.repeat(8), alive)).problems(Set.of("p.a"), listed))
        .containsExactly("p.a: 8 of 9 changes noticed (expected: 90 % or more; add tests)");
  }

  @Test
  void problems_aPackageThatIsNotThere_isOne() throws Exception {
    assertThat(Mutants.read(report()).problems(Set.of("p.a"), Map.of()))
        .containsExactly("p.a: 0 of 0 changes noticed (expected: 90 % or more; add tests)");
  }

  @Test
  void problems_eachPackageCountsAlone() throws Exception {
    var report =
        report(
            mutant("KILLED", "p.b.Book", "add", NEGATED).repeat(99),
            mutant("SURVIVED", "p.a.Range", "covers", NEGATED));

    assertThat(Mutants.read(report).problems(Set.of("p.a", "p.b"), Map.of(CHANGE, 1L)))
        .containsExactly("p.a: 0 of 1 changes noticed (expected: 90 % or more; add tests)");
    assertThat(Mutants.read(report).table()).contains("p.a").contains(" 0.0").contains(" 100.0");
  }

  @Test
  void problems_aSurvivorThatIsNotListed_orOneTooMany_isOne() throws Exception {
    var alive = mutant("SURVIVED", "p.a.Range", "covers", NEGATED);

    assertThat(Mutants.read(report(alive)).problems(Set.of(), Map.of()))
        .containsExactly(
            "p.a: Range.covers: negated conditional: not noticed 1 times, listed 0, lines [7]"
                + " (add a test, or say why in the list)");
    assertThat(Mutants.read(report(alive, alive)).problems(Set.of(), Map.of(CHANGE, 1L)))
        .hasSize(1);
  }

  @Test
  void problems_aListedOneThatIsNoticedNow_isOne() throws Exception {
    var killed = mutant("KILLED", "p.a.Range", "covers", NEGATED);

    assertThat(Mutants.read(report(killed)).problems(Set.of("p.a"), Map.of(CHANGE, 1L)))
        .containsExactly(
            "p.a: Range.covers: negated conditional: not noticed 0 times, listed 1 (take it off"
                + " the list)");
  }

  @Test
  void problems_aListedOneThatRanOutOfTime_isNone() throws Exception {
    var slow = mutant("TIMED_OUT", "p.a.Range", "covers", NEGATED);

    assertThat(Mutants.read(report(slow)).problems(Set.of("p.a"), Map.of(CHANGE, 1L))).isEmpty();
  }

  @Test
  void list_isReadByPackage() {
    var listed =
        Survivors.read(
            """
            # What no test notices
            ## `p.a`
            | method | change | how many | why |
            | --- | --- | --- | --- |
            | `Range.covers` | negated conditional | 2 | the same answer |
            """);

    assertThat(listed).isEqualTo(Map.of(CHANGE, 2L));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "| `Range.covers` | negated conditional | 2 | why |",
        "## `p.a`\n| `Range.covers` | negated conditional | 2 |  |",
        "## `p.a`\n| `Range.covers` | negated conditional | why |",
        "## `p.a`\n| `R.c` | negated | 1 | why |\n| `R.c` | negated | 1 | why |"
      })
  void list_aRowWithoutPackageReasonOrNumber_orTwice_isRefused(String text) {
    assertThatThrownBy(() -> Survivors.read(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("survivors.md:");
  }

  private static String report(String... mutants) {
    return "<?xml version=\"1.0\"?><mutations>" + String.join("", mutants) + "</mutations>";
  }

  private static String mutant(String status, String type, String method, String description) {
    return """
        <mutation detected='x' status='%s'><mutatedClass>%s</mutatedClass><mutatedMethod>%s\
        </mutatedMethod><lineNumber>7</lineNumber><description>%s</description></mutation>
        """
        .formatted(status, type, method, description);
  }
}
