package io.kith.server.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.cli.Kith;
import io.kith.server.verb.Surroundings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that are not what they should be, and places where nothing can be written. */
class ReplayBadInputTest {
  private static final String GOOD = flow(1_772_418_600, "db.shop.svc.cluster.local");

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  static Stream<Arguments> badLines() {
    return Stream.of(
        Arguments.of("cut in the middle", GOOD.substring(0, 120), "not JSON at column"),
        Arguments.of("NaN", with("1772418600.0", "NaN"), "not JSON at column"),
        Arguments.of("infinite", with("1772418600.0", "1e999"), "t: Infinity (expected: seconds"),
        Arguments.of(
            "milliseconds", with("1772418600.0", "1772418600000"), "(expected: seconds since"),
        Arguments.of(
            "a port beyond 64 bits",
            with("5432", "99999999999999999999"),
            "dst.port: 99999999999999999999 (expected: a whole number of 32 bits)"),
        Arguments.of("a port that is no port", with("5432", "70000"), "dst.port: 70000"),
        Arguments.of("a fraction of a port", with("5432", "1e3"), "expected: a whole number"),
        Arguments.of("too many digits", with("5432", "1".repeat(65)), "too deep, or a text or"),
        Arguments.of(
            "a string of nearly 1 MiB",
            with("\"comm\":\"app\"", "\"comm\":\"" + "x".repeat(1_000_000) + "\""),
            "too deep, or a text or number too long"),
        Arguments.of(
            "a string of 5,000",
            with("\"comm\":\"app\"", "\"comm\":\"" + "x".repeat(5_000) + "\""),
            "process.comm: a text of 5000 characters (expected: at most 4096)"),
        Arguments.of(
            "a name that DNS cannot carry",
            with("db.shop.svc.cluster.local", "a.".repeat(200) + "example"),
            "dst.host: a name of 407 characters (expected: at most 254)"),
        Arguments.of("a key twice", with("{\"t\"", "{\"t\":1,\"t\""), "t: given twice"),
        Arguments.of(
            "an object twice",
            with(",\"dst\"", ",\"dst\":{\"ip\":\"10.0.0.1\",\"port\":1,\"proto\":\"tcp\"},\"dst\""),
            "dst: given twice (expected: once)"),
        Arguments.of(
            "a key of the process twice",
            with("\"uid\":1000", "\"uid\":1000,\"uid\":0"),
            "process.uid: given twice"),
        Arguments.of(
            "half of a pair",
            with("\"replica\":\"a\"", "\"replica\":\"\\ud800\""),
            "replica: half of a UTF-16 pair at character 1 (expected: Unicode)"),
        Arguments.of("no object", "null", "not an object"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badLines")
  void replay_badLine_isNamedAndSkipped_andTheOthersCount(String name, String line, String expected)
      throws IOException {
    var flows = Files.write(folder.resolve("f.jsonl"), List.of(GOOD, line, GOOD));

    assertThat(run("--flows", flows.toString(), "-o", "json")).isZero();

    assertThat(err.toString()).startsWith("kith: f.jsonl:2: ").contains(expected);
    assertThat(err.toString().length()).isLessThan(700);
    assertThat(out.toString()).startsWith("{\"flows\":2,\"skipped\":1,");
  }

  @Test
  void replay_bytesThatAreNoUtf8_areNamedAndSkipped() throws IOException {
    var bytes = new ByteArrayOutputStream();
    for (var broken :
        List.of("\u00ff\u00fe", "\u00c0\u00af", "\u00e2\u0082", "\u00ed\u00a0\u0080")) {
      bytes.write(with("\"app\":\"app\"", "\"app\":\"" + broken + "\"").getBytes(LATIN));
      bytes.write('\n');
    }
    bytes.write((GOOD + "\n").getBytes(LATIN));
    var flows = Files.write(folder.resolve("f.jsonl"), bytes.toByteArray());

    assertThat(run("--flows", flows.toString(), "-o", "json")).isZero();

    assertThat(err.toString()).contains("f.jsonl:1: not JSON", "f.jsonl:3: not JSON");
    assertThat(out.toString()).startsWith("{\"flows\":1,\"skipped\":4,");
  }

  private static final java.nio.charset.Charset LATIN = StandardCharsets.ISO_8859_1;

  @Test
  void replay_folder_isOneSentence() {
    assertThat(run("--flows", folder.toString())).isEqualTo(1);

    assertThat(err.toString())
        .isEqualTo(
            "kith: "
                + folder
                + ": a folder (expected: a file of JSON Lines, plain or gzip'd)"
                + System.lineSeparator());
  }

  @Test
  void replay_emptyFile_isNoFlows() throws IOException {
    var empty = Files.createFile(folder.resolve("empty.jsonl"));

    assertThat(run("--flows", empty.toString(), "-o", "json")).isZero();

    assertThat(out.toString()).startsWith("{\"flows\":0,\"skipped\":0,");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void replay_gzipCutAnywhere_usesTheWholeLinesBefore() throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(bytes)) {
      gzip.write((GOOD + "\n" + GOOD + "\n").getBytes(StandardCharsets.UTF_8));
    }
    var whole = bytes.toByteArray();
    for (var length = 2; length < whole.length; length++) {
      var cut = Files.write(folder.resolve("cut.gz"), Arrays.copyOf(whole, length));
      out.getBuffer().setLength(0);
      err.getBuffer().setLength(0);

      var code = run("--flows", cut.toString(), "-o", "json");

      assertThat(err.toString())
          .as("cut at %d of %d", length, whole.length)
          .containsPattern("(header is broken or cut|broken or cut here|not JSON at column)");
      assertThat(code).isEqualTo(out.toString().isEmpty() ? 1 : 0);
    }
  }

  /** What was dated back looked as if it had lasted for years, and was confirmed by that. */
  @Test
  void replay_clockThatGoesBack_judgesEveryFlow_andUndoesNothing() throws IOException {
    var lines = new java.util.ArrayList<String>();
    for (var minute = 0; minute < 30; minute++) {
      lines.add(flow(1_772_418_600 + minute * 60, "db.shop.svc.cluster.local"));
    }
    lines.add(flow(-5_000_000_000.0, "c2.evil.example"));
    lines.add(flow(0, "c2.evil.example"));
    lines.add(flow(1_772_418_600, "c2.evil.example"));
    var flows = Files.write(folder.resolve("f.jsonl"), lines);
    var settings =
        Files.writeString(
            folder.resolve("kith.yaml"),
            "learning: {window: 10m, support: {replicas: 1, fraction: 0, hours: 1, span: 0s}}");
    var verdicts = folder.resolve("v.jsonl");

    assertThat(
            run(
                "--flows", flows.toString(),
                "--settings", settings.toString(),
                "--verdicts", verdicts.toString()))
        .isZero();

    var judged = Files.readAllLines(verdicts);
    assertThat(judged).hasSize(33);
    assertThat(judged.subList(30, 33)).allMatch(line -> line.contains("\"verdict\":\"deny\""));
  }

  @Test
  void replay_fullDisk_saysSo_andExitsWithFailure() throws IOException {
    var full = Path.of("/dev/full");
    var flows = Files.write(folder.resolve("f.jsonl"), java.util.Collections.nCopies(2_000, GOOD));

    assertThat(run("--flows", flows.toString(), "--verdicts", full.toString())).isEqualTo(1);

    assertThat(err.toString())
        .isEqualTo(
            "kith: /dev/full: cannot be written: No space left on device (nothing was kept; free"
                + " some space, or name another place)"
                + System.lineSeparator());
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void replay_thatFails_leavesTheVerdictsAndBaselinesOfBefore() throws IOException {
    var flows = Files.write(folder.resolve("f.jsonl"), List.of(GOOD, "{"));
    var verdicts = Files.writeString(folder.resolve("v.jsonl"), "of before");

    assertThat(run("--flows", flows.toString(), "--verdicts", verdicts.toString(), "--strict"))
        .isEqualTo(1);

    assertThat(verdicts).hasContent("of before");
    assertThat(files()).containsExactly("f.jsonl", "v.jsonl");
  }

  /** The second of two baselines cannot be written: the first does not take its place either. */
  @Test
  void replay_baselinesThatCannotAllBeWritten_leavesThoseOfBefore() throws IOException {
    var other =
        GOOD.replace("\"app\":\"app\"", "\"app\":\"other\"").replace("/sa/app", "/sa/other");
    var flows = Files.write(folder.resolve("f.jsonl"), List.of(GOOD, other));
    var saved = Files.createDirectory(folder.resolve("saved"));
    var first = Files.writeString(saved.resolve("shop.workload.app.yaml"), "of before");
    Files.createDirectory(saved.resolve("shop.workload.other.yaml.part"));

    var code = run("--flows", flows.toString(), "--finish", "--save-baselines", saved.toString());

    assertThat(code).isEqualTo(1);
    assertThat(err.toString()).contains("shop.workload.other.yaml: cannot be written: ");
    assertThat(first).hasContent("of before");
  }

  private List<String> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private int run(String... args) {
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        Stream.concat(Stream.of("replay"), Arrays.stream(args)).toArray(String[]::new));
  }

  private static String with(String from, String to) {
    assertThat(GOOD).contains(from);
    return GOOD.replace(from, to);
  }

  private static String flow(double time, String host) {
    return String.format(
        Locale.ROOT,
        "{\"t\":%.1f,\"env\":\"prod\",\"app\":\"app\","
            + "\"workload\":\"spiffe://prod.mesh.example/ns/shop/sa/app\","
            + "\"digest\":\"sha256:1\",\"replica\":\"a\",\"process\":{\"path\":\"/app\","
            + "\"uid\":1000,\"comm\":\"app\",\"parent\":[],\"origin\":\"image\"},"
            + "\"dst\":{\"host\":\"%s\",\"ip\":\"10.43.0.1\",\"port\":5432,\"proto\":\"tcp\"}}",
        time,
        host);
  }
}
