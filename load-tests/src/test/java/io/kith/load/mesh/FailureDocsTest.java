package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.docs.MadePart;
import io.kith.load.mesh.Fault.Answer;
import io.kith.load.mesh.Fault.Proof;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
                  proof(fault.proof())));
    }
    return table.append('\n').toString();
  }

  private static String proof(Proof proof) {
    return switch (proof) {
      case Proof.WithEnvoy _ -> "`FailureTest`";
      case Proof.ByTests(var tests) ->
          tests.stream()
              .map(FailureDocsTest::classOf)
              .distinct()
              .map(name -> "`" + name + "`")
              .collect(Collectors.joining(", "));
    };
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
      if (fault.proof() instanceof Proof.ByTests(var tests)) {
        for (var test : tests) {
          var name = test.substring(test.indexOf('#') + 1);
          assertThat(source(classOf(test)))
              .as("%s of '%s' is a test", test, fault.name())
              .containsPattern(
                  "@(Test|ParameterizedTest)\\b(?:(?! void )[\\s\\S])*? void " + name + "\\(");
        }
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
