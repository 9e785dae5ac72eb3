package io.kith.server.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that are made to break their reader: each verb refuses them in one line, and goes on. */
@Timeout(600)
class HostileFilesTest {
  private static final String BASELINE =
      """
      apiVersion: kith.io/v1
      kind: Baseline
      spec:
        workload: shop/deployment/checkout
        edges:
          - process: {path: /app, program: app}
            destination: {host: api.example.com, port: 443, protocol: tcp, evidence: dns}
      """;

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int kith(String... arguments) {
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        arguments);
  }

  /** A billion times x, by names for names. */
  private static String aliases() {
    var text = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (var i = 1; i < 10; i++) {
      text.append("a%d: &a%d [%s*a%d]\n".formatted(i, i, ("*a" + (i - 1) + ", ").repeat(8), i - 1));
    }
    return text.toString();
  }

  private static Stream<Arguments> bombs() {
    return Stream.of(
        Arguments.of("aliases", aliases(), "aliases"),
        Arguments.of("brackets", "a: " + "[".repeat(1_000_000), "nested too deep"),
        Arguments.of("indicators", "- ".repeat(1_000_000), "nested too deep"),
        Arguments.of("a long line", "a: " + "x".repeat(1_000_000), "the line is too long"),
        Arguments.of("length", "a: x\n".repeat(1_000_000), "too long"),
        Arguments.of("documents", "a: 1\n---\n".repeat(10_002), "one document too many"));
  }

  private void assertRefused(String message, String... arguments) {
    assertThat(kith(arguments)).as(err.toString()).isEqualTo(1);
    assertThat((out + "" + err).lines())
        .allMatch(line -> line.length() < 400)
        .anyMatch(line -> line.contains(message) || line.contains("longer than 4 MiB"));
    assertThat(err.toString()).startsWith("kith: ");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bombs")
  void configuration(String name, String text, String message) throws Exception {
    Files.writeString(folder.resolve("kith.yaml"), text);

    assertRefused(message, "config", "check");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bombs")
  void allowList(String name, String text, String message) throws Exception {
    Files.writeString(folder.resolve("list.yaml"), text);

    assertRefused(message, "lint", "list.yaml");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bombs")
  void baseline(String name, String text, String message) throws Exception {
    Files.writeString(folder.resolve("b.yaml"), text);

    assertRefused(message, "export", "b.yaml");
  }

  @Test
  void fileWithoutAnEnd_isReadToItsBoundAndNoFurther() {
    assertThat(kith("config", "check", "/dev/zero")).isEqualTo(1);
    assertThat(err.toString()).isEqualTo("kith: /dev/zero: longer than 4 MiB (expected: less)\n");
  }

  @Test
  void fileThatIsNoText_orAFolder_isSaidToBe() throws Exception {
    Files.write(folder.resolve("kith.yaml"), "\u00ff".getBytes(ISO_8859_1));
    Files.createDirectory(folder.resolve("folder.yaml"));

    assertThat(kith("config", "check")).isEqualTo(1);
    assertThat(kith("config", "check", "folder.yaml")).isEqualTo(1);

    assertThat(err.toString().lines())
        .satisfiesExactly(
            line -> assertThat(line).endsWith("kith.yaml: is no text (expected: UTF-8)"),
            line -> assertThat(line).endsWith("folder.yaml: is a folder (expected: a file)"));
  }

  /** What is written replaces a file as a whole, and not what somebody linked there. */
  @Test
  void write_throughALinkOfAnother_replacesTheLink() throws Exception {
    Files.writeString(folder.resolve("b.yaml"), BASELINE);
    var victim = Files.writeString(folder.resolve("victim"), "precious");
    var target = folder.resolve("out.yaml");
    Files.createSymbolicLink(target, victim);

    assertThat(kith("export", "b.yaml", "--out", "out.yaml")).as(err.toString()).isZero();

    assertThat(victim).hasContent("precious");
    assertThat(Files.isSymbolicLink(target)).isFalse();
    try (var files = Files.list(folder)) {
      assertThat(files.map(Path::getFileName).map(Path::toString))
          .containsExactlyInAnyOrder("b.yaml", "out.yaml", "victim");
    }
  }
}
