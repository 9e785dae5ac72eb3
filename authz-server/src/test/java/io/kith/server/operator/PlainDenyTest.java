package io.kith.server.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class PlainDenyTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "deny a/job/b e:1 --note why",
        "deny a/job/b d:1 --ttl 4h --note why",
        "deny a/job/b e:1 --note why --config kith.yaml",
        "deny a/job/b e:1 --note why -c /etc/kith.yaml --server unix:/run/a.sock",
        "deny a/job/b e:1 --note ${sys:user.home} --ttl 1\\t",
        "deny a/job/b e:1 --note 'why --server localhost:1",
      })
  void parse_usualForm_isReadAsTheParserReadsIt(String line) {
    var words = line.split(" ");

    var plain = Objects.requireNonNull(PlainDeny.parse(words), line);

    var parsed = new DenyCommand();
    new CommandLine(parsed)
        .parseArgs(List.of(words).subList(1, words.length).toArray(String[]::new));
    assertThat(said(plain)).isEqualTo(said(parsed));
  }

  private static List<Object> said(DenyCommand deny) {
    return List.of(
        deny.owner,
        deny.id,
        deny.note.text,
        String.valueOf(deny.ttl.text),
        String.valueOf(deny.server.server),
        String.valueOf(deny.server.config.file),
        deny.output.format);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "deny",
        "deny --help",
        "deny a/job/b e:1",
        "deny a/job/b e:1 --ttl 4h",
        "deny a/job/b e:1 --note",
        "deny a/job/b e:1 --note --ttl 4h",
        "deny a/job/b e:1 --note -why",
        "deny a/job/b e:1 --note @why",
        "deny a/job/b e:1 --note=why",
        "deny a/job/b e:1 --note=why --ttl=4h",
        "deny a/job/b e:1 --note why --note so",
        "deny a/job/b e:1 --note why -c one --config two",
        "deny a/job/b e:1 --note why -o json",
        "deny a/job/b e:1 --note why --identity spiffe://a/b",
        "deny a/job/b e:1 --note why e:2",
        "deny a/job/b --note why e:1",
        "deny @words e:1 --note why",
        "quarantine a/job/b e:1 --note why",
      })
  void parse_anythingElse_isForTheParser(String line) {
    assertThat(PlainDeny.parse(line.split(" "))).isNull();
  }

  @Test
  void parse_emptyWordOrNoPath_isForTheParser() {
    assertThat(PlainDeny.parse("deny", "a/job/b", "", "--note", "why")).isNull();
    assertThat(PlainDeny.parse("deny", "a/job/b", "e:1", "--note", "")).isNull();
    assertThat(PlainDeny.parse("deny", "a/job/b", "e:1", "--note", "why", "-c", "\0")).isNull();
  }
}
