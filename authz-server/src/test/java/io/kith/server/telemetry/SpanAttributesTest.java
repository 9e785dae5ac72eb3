package io.kith.server.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The names that messages, recipes and pages say are those of the spans. */
class SpanAttributesTest {
  private static final Pattern DECISION_ID = Pattern.compile("kith\\.decision[._-]?[iI]d\\b");
  private static final Pattern TEXT = Pattern.compile(".*\\.(java|md|yaml|json|proto)");

  @Test
  void decisionId_isSpelledOneWayEverywhere() throws IOException {
    var spellings = new TreeSet<String>();
    for (var folder :
        new String[] {"authz-server/src/main", "istio", "identity-bridge/api/src", "docs"}) {
      try (var files = Files.walk(Path.of("..").resolve(folder))) {
        files
            .filter(file -> TEXT.matcher(file.toString()).matches() && Files.isRegularFile(file))
            .flatMap(SpanAttributesTest::spellings)
            .forEach(spellings::add);
      }
    }

    assertThat(spellings).containsExactly(SpanAttributes.DECISION_ID.getKey());
  }

  private static Stream<String> spellings(Path file) {
    try {
      return DECISION_ID.matcher(Files.readString(file)).results().map(MatchResult::group);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
