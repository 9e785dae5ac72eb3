package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import picocli.CommandLine.Command;

class VerbTest {
  @Test
  void all_haveTheNamesOfTheirAnnotations() {
    assertThat(Verb.ALL)
        .isNotEmpty()
        .allSatisfy(
            verb ->
                assertThat(verb.name())
                    .isEqualTo(verb.command().getAnnotation(Command.class).name()));
  }

  @Test
  void calledBy_knownVerb_isItAlone() {
    assertThat(Verb.calledBy("deny", "--help")).extracting(Verb::name).containsExactly("deny");
  }

  @Test
  void calledBy_anythingElse_isAllOfThem() {
    assertThat(Verb.calledBy()).isEqualTo(Verb.ALL);
    assertThat(Verb.calledBy("--help")).isEqualTo(Verb.ALL);
    assertThat(Verb.calledBy("blame", "deny")).isEqualTo(Verb.ALL);
    assertThat(Verb.calledBy("@words")).isEqualTo(Verb.ALL);
  }
}
