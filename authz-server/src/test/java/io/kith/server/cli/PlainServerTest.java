package io.kith.server.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlainServerTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"server", "server --config kith.yaml", "server -c /etc/kith.yaml"})
  void isMeant_serverWithItsConfiguration(String line) {
    assertThat(PlainServer.isMeant(line.split(" "))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "status",
        "server --help",
        "server kith.yaml",
        "server --config",
        "server --config --help",
        "server --config @file",
        "server --config=kith.yaml",
        "server --colour red",
        "server --config kith.yaml --help",
        "dev-identity --config kith.yaml",
      })
  void isMeant_anythingElse_isForTheParser(String line) {
    assertThat(PlainServer.isMeant(line.split(" "))).isFalse();
  }

  @Test
  void run_withoutConfiguration_saysTheSameAsTheParserDoes() {
    var plain = new StringWriter();
    var parsed = new StringWriter();

    var plainCode = PlainServer.run(here(plain), "server", "--config", "none.yaml");
    var parsedCode = Kith.commandLine(here(parsed)).execute("server", "--config", "none.yaml");

    assertThat(plain.toString()).contains("none.yaml: no such file").isEqualTo(parsed.toString());
    assertThat(plainCode).isEqualTo(parsedCode);
  }

  private Surroundings here(StringWriter err) {
    var printer = new PrintWriter(err, true);
    return new Surroundings(Map.of(), folder, "ada", printer, printer);
  }
}
