package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.load.docs.MadePart;
import io.kith.load.mesh.Fault.Answer;
import io.kith.load.mesh.Fault.Cell;
import io.kith.load.mesh.Fault.Part;
import io.kith.load.mesh.Fault.Proof;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The table in docs/failure.md: every fault of {@link Faults}. It changes only by {@code
 * -Dkith.goldens=refresh}.
 */
class FailureDocsTest {
  private static final MadePart PART =
      new MadePart(
          Path.of("..", "docs", "failure.md"),
          "<!-- faults: made by FailureDocsTest -->\n",
          "<!-- faults end -->\n");

  private static final String FAILURE_TEST = "FailureTest#fault_passesWhatThePageSays";
  private static final RealEnvoy REAL_ENVOY = new RealEnvoy();

  @Test
  void page_hasEveryFaultWithWhatPasses() throws Exception {
    PART.assertIs(table());
  }

  private static String table() {
    var table =
        new StringBuilder(
            """

            | fault | observe | shadow | enforce | proved by |
            | --- | --- | --- | --- | --- |
            """);
    for (var fault : Faults.ALL) {
      table.append(
          "| %s | %s | %s | %s | %s |\n"
              .formatted(
                  fault.name(),
                  fault.observe().words(),
                  fault.shadow().words(),
                  fault.enforce().words(),
                  proof(fault)));
    }
    return table.append('\n').toString();
  }

  private static Stream<Part> tests(Fault fault) {
    return switch (fault.proof()) {
      case Proof.WithEnvoy _ -> Stream.of(Fault.inEach(FAILURE_TEST));
      case Proof.ByTests(var tests) -> tests.stream();
    };
  }

  /** With Envoy first; by what the tests run, not by what anybody says of them. */
  private static String proof(Fault fault) {
    return tests(fault)
        .collect(
            Collectors.groupingBy(
                part -> REAL_ENVOY.isIn(part.test()) ? "Envoy: " : "unit: ",
                TreeMap::new,
                Collectors.groupingBy(
                    part -> classOf(part.test()),
                    TreeMap::new,
                    Collectors.flatMapping(
                        part -> part.modes().stream(), Collectors.toCollection(TreeSet::new)))))
        .entrySet()
        .stream()
        .map(
            how ->
                how.getValue().entrySet().stream()
                    .map(of -> "`" + of.getKey() + "`" + words(of.getValue()))
                    .collect(Collectors.joining(", ", how.getKey(), "")))
        .collect(Collectors.joining("; "));
  }

  private static String words(Set<Mode> modes) {
    return switch (modes.size()) {
      case 0 -> " (of no mode)";
      case 3 -> "";
      default -> modes.stream().map(Mode::word).collect(Collectors.joining(", ", " (", ")"));
    };
  }

  @Test
  void realEnvoy_isReadFromWhatATestRuns() {
    assertThat(REAL_ENVOY.isIn(FAILURE_TEST)).isTrue();
    assertThat(REAL_ENVOY.isIn("FleetFailureTest#servers_rolled_noVerdictIsWrong")).isTrue();
    assertThat(REAL_ENVOY.isIn("FailureDocsTest#faults_haveNamesOfTheirOwn")).isFalse();
    assertThat(REAL_ENVOY.isIn("ExtAuthzServiceTest#check_modeNotKnown_isDenied")).isFalse();
  }

  private static String classOf(String test) {
    return test.substring(0, test.indexOf('#'));
  }

  @Test
  void faults_haveNamesOfTheirOwn() {
    assertThat(Faults.ALL).extracting(Fault::name).doesNotHaveDuplicates();
  }

  /** What passes undecided does so by something that a person chose. */
  @Test
  void passes_isNeverByAccident() {
    assertThat(Faults.ALL)
        .allSatisfy(
            fault -> {
              assertThat(fault.enforce().answer() != Answer.PASSES || saysOpen(fault.enforce()))
                  .as("refuses, or somebody said otherwise")
                  .isTrue();
              for (var cell : List.of(fault.observe(), fault.shadow())) {
                assertThat(cell.answer() != Answer.PASSES || !cell.words().equals("passes"))
                    .as("says why it passes")
                    .isTrue();
              }
            });
  }

  private static boolean saysOpen(Cell cell) {
    return cell.why().equals("the scope says so: `failure: open`");
  }

  /** What the page says is counted grows in {@link FailureTest}. */
  @Test
  void counted_withEnvoy_hasItsCounter() {
    assertThat(Faults.ALL)
        .filteredOn(fault -> fault.proof() instanceof Proof.WithEnvoy)
        .flatExtracting(fault -> List.of(fault.observe(), fault.shadow(), fault.enforce()))
        .filteredOn(cell -> cell.why().startsWith("counted"))
        .isNotEmpty()
        .allSatisfy(cell -> assertThat(cell.counter()).startsWith("kith_"));
  }

  @Test
  void tests_ofEveryRow_areThereAndRun() throws Exception {
    for (var fault : Faults.ALL) {
      for (var part : tests(fault).toList()) {
        assertThat(new TestSource(part.test()).problem()).as(fault.name()).isNull();
      }
    }
  }

  /** By its words alone: what a test does with a mode, or a reason, is for its reader to see. */
  @Test
  void tests_ofEveryRow_nameTheModesAndReasonsThatTheyAreFor() {
    var unnamed = new ArrayList<String>();
    for (var fault : Faults.ALL) {
      if (fault.proof() instanceof Proof.ByTests(var parts)) {
        for (var mode : Mode.values()) {
          var sources =
              parts.stream()
                  .filter(part -> part.modes().contains(mode))
                  .map(part -> new TestSource(part.test()))
                  .toList();
          var reason = fault.cell(mode).reason();
          if (!sources.stream().allMatch(source -> source.names(mode))
              || !(reason.isEmpty() || sources.stream().anyMatch(one -> one.names(reason)))) {
            unnamed.add("'%s' under %s %s".formatted(fault.name(), mode.word(), reason));
          }
        }
      }
    }
    assertThat(unnamed).isEmpty();
  }

  /** What decides refuses: where a mode counts at all, a test has it be enforce. */
  @Test
  void enforce_ofEveryRow_isTestedWhereAModeCounts() {
    assertThat(Faults.ALL)
        .allSatisfy(
            fault ->
                assertThat(tests(fault).map(Part::modes).filter(modes -> !modes.isEmpty()))
                    .satisfiesAnyOf(
                        modes -> assertThat(modes).isEmpty(),
                        modes -> assertThat(modes).anyMatch(one -> one.contains(Mode.ENFORCE))));
  }
}
