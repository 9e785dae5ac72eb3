package io.kith.baselines.yaml;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.yaml.YamlDocument.Documents;
import java.util.Map;
import org.junit.jupiter.api.Test;

class YamlDocumentTest {
  @Test
  void readAll_severalDocuments_areReadInOrderAndEmptyOnesLeftOut() {
    var documents = YamlDocument.readAll("a.yaml", "name: one\n---\n---\nname: two\n---\n# end\n");

    assertThat(documents.sections())
        .extracting(section -> section.optional("name", Values::text))
        .containsExactly("one", "two");
    assertThat(documents.problems()).isEmpty();
  }

  @Test
  void readAll_aMistakeInALaterDocument_hasItsPlace() {
    var documents = YamlDocument.readAll("a.yaml", "name: one\n---\n  name: two\n  size: x\n");

    documents.sections().forEach(YamlDocumentTest::readNameOnly);

    assertThat(documents.problems())
        .extracting(Problem::toString)
        .containsExactly("a.yaml:4:3: size: unknown key (expected: one of [name])");
  }

  @Test
  void readObject_aMistake_hasThePathOfItsKeyAndNoLine() {
    var documents = YamlDocument.readObject("thing a", "\nspec: {rows: [{name: a, size: x}]}\n");

    var spec = documents.sections().getFirst().section("spec");
    var row = spec.sections("rows").getFirst();
    row.optional("name", Values::text);
    row.required("why", Values::text, "a reason");
    documents.sections().getFirst().finish();

    assertThat(documents.sections().getFirst().place()).isEqualTo("thing a");
    assertThat(row.place()).isEqualTo("thing a: spec.rows[0]");
    assertThat(documents.problems())
        .extracting(Problem::toString)
        .containsExactly(
            "thing a: spec.rows[0].why: missing (expected: a reason)",
            "thing a: spec.rows[0].size: unknown key (expected: one of [name, why])");
  }

  private static void readNameOnly(YamlDocument.Section section) {
    section.optional("name", Values::text);
    section.finish();
  }

  @Test
  void required_absentOrEmpty_isAProblemThatSaysWhatIsExpected() {
    var section = YamlDocument.read("a.yaml", "a:\n", Map.of());

    assertThat(section.required("a", Values::text, "a name")).isNull();
    assertThat(section.required("b", Values::text, "another name")).isNull();

    assertThat(section.problems())
        .extracting(Problem::toString)
        .containsExactly(
            "a.yaml:1:3: a: missing (expected: a name)",
            "a.yaml:1:1: b: missing (expected: another name)");
  }

  @Test
  void read_twoDocumentsWhereOneIsExpected_isRefused() {
    var section = YamlDocument.read("a.yaml", "a: 1\n---\na: 2\n", Map.of());

    assertThat(section.has("a")).isFalse();
    assertThat(section.problems())
        .extracting(Problem::toString)
        .containsExactly("a.yaml:3:1: one document too many (expected: at most 1)");
  }

  // ---- bombs: each is refused with a message, none with an error of the machine

  @Test
  void readAll_billionLaughs_isRefused() {
    var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (var i = 1; i < 10; i++) {
      text.append("a%d: &a%d [%s*a%d]\n".formatted(i, i, ("*a" + (i - 1) + ", ").repeat(8), i - 1));
    }

    assertThat(problems(text.toString())).contains("aliases");
  }

  @Test
  void readAll_brackets_aMillionDeep_isRefused() {
    assertThat(problems("a: " + "[".repeat(1_000_000)))
        .isEqualTo("bomb.yaml:1:68: nested too deep (expected: few levels)");
    assertThat(problems("a: " + "{a: ".repeat(500_000)))
        .isEqualTo("bomb.yaml:1:260: nested too deep (expected: few levels)");
  }

  @Test
  void readAll_indicators_aMillionDeep_isRefused() {
    assertThat(problems("- ".repeat(1_000_000)))
        .isEqualTo("bomb.yaml:1:257: nested too deep (expected: few levels)");
    assertThat(problems("? ".repeat(1_000_000)))
        .isEqualTo("bomb.yaml:1:257: nested too deep (expected: few levels)");
  }

  @Test
  void readAll_indentation_thousandsDeep_isRefused() {
    var text = new StringBuilder();
    for (var depth = 0; depth < 2_500; depth++) {
      text.append(" ".repeat(depth)).append("a:\n");
    }

    assertThat(problems(text.toString()))
        .isEqualTo("bomb.yaml:258:257: nested too deep (expected: few levels)");
  }

  @Test
  void readAll_fiveMegabytes_isRefused() {
    assertThat(problems("a: x\n".repeat(1_000_000)))
        .isEqualTo("bomb.yaml: too long (expected: at most 4194304 characters)");
  }

  @Test
  void readAll_aLineOfMegabytes_isRefused() {
    assertThat(problems("a: " + "x".repeat(4_000_000)))
        .isEqualTo("bomb.yaml:1:65537: the line is too long (expected: at most 65536)");
  }

  @Test
  void readAll_tooManyDocuments_isRefused() {
    assertThat(problems("a: 1\n---\n".repeat(10_002))).contains("one document too many");
  }

  @Test
  void readAll_anAnchorInsideItself_isReadWithoutEnd() {
    assertThat(YamlDocument.readAll("bomb.yaml", "a: &a [*a]\n").problems().size()).isLessThan(2);
  }

  private static String problems(String text) {
    Documents documents = YamlDocument.readAll("bomb.yaml", text);
    assertThat(documents.sections()).isEmpty();
    assertThat(documents.problems()).hasSize(1);
    return documents.problems().getFirst().toString();
  }
}
