package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.docs.MadePart;
import io.kith.load.mesh.Fault.Answer;
import io.kith.load.mesh.Fault.Proof;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

  private static Stream<String> tests(Fault fault) {
    return switch (fault.proof()) {
      case Proof.WithEnvoy _ -> Stream.of(FAILURE_TEST);
      case Proof.ByTests(var tests) -> tests.stream();
    };
  }

  /** With Envoy first; by what the tests run, not by what anybody says of them. */
  private static String proof(Fault fault) {
    return tests(fault)
        .collect(
            Collectors.groupingBy(
                test -> REAL_ENVOY.isIn(test) ? "Envoy: " : "unit: ",
                TreeMap::new,
                Collectors.mapping(FailureDocsTest::nameOf, Collectors.toList())))
        .entrySet()
        .stream()
        .map(how -> how.getKey() + String.join(", ", new TreeSet<>(how.getValue())))
        .collect(Collectors.joining("; "));
  }

  private static String nameOf(String test) {
    return "`" + classOf(test) + "`";
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
              assertThat(fault.enforce().answer()).isNotEqualTo(Answer.PASSES);
              for (var cell : List.of(fault.observe(), fault.shadow())) {
                assertThat(cell.answer() != Answer.PASSES || !cell.words().equals("passes"))
                    .as("says why it passes")
                    .isTrue();
              }
            });
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
  void tests_ofEveryRow_areThere() throws Exception {
    for (var fault : Faults.ALL) {
      for (var test : tests(fault).toList()) {
        var name = test.substring(test.indexOf('#') + 1);
        assertThat(source(classOf(test)))
            .as("%s of '%s' is a test", test, fault.name())
            .containsPattern(
                "@(Test|ParameterizedTest)\\b(?:(?! void )[\\s\\S])*? void " + name + "\\(");
      }
    }
  }

  private static String source(String className) throws IOException {
    for (var module :
        List.of("authz-server", "identity-bridge/spiffe", "identity-bridge/agent", "load-tests")) {
      try (Stream<Path> files = Files.walk(Path.of("..", module, "src", "test", "java"))) {
        var found =
            files.filter(file -> file.endsWith(className + ".java")).findFirst().orElse(null);
        if (found != null) {
          return Files.readString(found);
        }
      }
    }
    throw new AssertionError("there is no " + className);
  }
}
