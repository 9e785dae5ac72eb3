package io.kith.baselines.allow;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.yaml.Problem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The schema has the keys that the reader knows, no more and no fewer. */
class SchemaTest {
  private static final Pattern KNOWN = Pattern.compile("expected: one of \\[(.*)]\\)");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          properties | {zz: 1}
          properties/metadata/properties | {metadata: {zz: 1}}
          properties/spec/properties | {spec: {zz: 1}}
          $defs/rule/properties | {spec: {rules: [{zz: 1}]}}
          $defs/process/properties | {spec: {rules: [{process: {zz: 1}}]}}
          $defs/destination/properties | {spec: {rules: [{destination: {zz: 1}}]}}
          """)
  void schema_hasTheKeysThatTheReaderAsksFor(String path, String document) throws Exception {
    assertThat(keysAt(path)).isEqualTo(keysKnown(document));
  }

  @Test
  void schema_requiresWhatTheReaderMisses() throws Exception {
    assertThat(at("$defs/rule/required").toString()).isEqualTo("[action, by, why]");
    assertThat(at("required").toString()).isEqualTo("[apiVersion, kind, metadata, spec]");
  }

  private static Set<String> keysKnown(String document) {
    var reader = AllowListReader.ofFile("a.yaml", document, AllowListsTest.SUFFIXES);
    reader.read();
    var unknown =
        reader.problems().stream()
            .map(Problem::what)
            .filter(what -> what.startsWith("unknown key"))
            .toList();
    assertThat(unknown).hasSize(1);
    var matcher = KNOWN.matcher(unknown.getFirst());
    assertThat(matcher.find()).isTrue();
    return new TreeSet<>(Set.of(matcher.group(1).split(", ")));
  }

  private static Set<String> keysAt(String path) throws Exception {
    var keys = new TreeSet<String>();
    ((Map<?, ?>) at(path)).keySet().forEach(key -> keys.add((String) key));
    return keys;
  }

  private static Object at(String path) throws Exception {
    var text = Files.readString(Path.of("..", "docs", "egress-allow-list.schema.json"));
    Object value = new Load(LoadSettings.builder().build()).loadFromString(text);
    for (var key : path.split("/", -1)) {
      value = Objects.requireNonNull(((Map<?, ?>) value).get(key), path);
    }
    return value;
  }
}
