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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReplayCommandTest {
  private static final String GOOD = flow(1_772_418_600.5, "db.shop.svc.cluster.local", 5432);

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void replay_window_enforcesAfterIt_oneVerdictPerFlowInOrder() throws IOException {
    var flows = new ArrayList<String>();
    for (var minute = 0; minute < 30; minute++) {
      flows.add(flow(1_772_418_600 + minute * 60.0, "db.shop.svc.cluster.local", 5432));
    }
    flows.add(flow(1_772_420_500, "c2.evil.example", 443));
    var settings =
        write(
            "kith.yaml",
            "server: {nonsense: true}",
            "learning: {window: 10m, support: {replicas: 1, fraction: 0, hours: 1, span: 0s}}");
    var verdicts = folder.resolve("verdicts.jsonl");

    var code =
        run(
            "--flows", gzip("flows.jsonl.gz", flows).toString(),
            "--settings", settings.toString(),
            "--verdicts", verdicts.toString(),
            "-o", "json");

    assertThat(code).as(err.toString()).isZero();
    var lines = Files.readAllLines(verdicts);
    assertThat(lines).hasSize(31);
    assertThat(lines.getFirst())
        .isEqualTo(
            "{\"n\":0,\"t\":1772418600,\"mode\":\"observe\",\"verdict\":\"allow\","
                + "\"reason\":null,\"flagged\":false,\"edge\":null,\"review\":null}");
    assertThat(lines.get(29)).contains("\"n\":29,", "\"mode\":\"enforce\",\"verdict\":\"allow\"");
    assertThat(lines.getLast())
        .contains("\"verdict\":\"deny\",\"reason\":\"new_destination\"", "\"review\":\"r:e:");
    assertThat(out.toString())
        .startsWith("{\"flows\":31,\"skipped\":0,\"seconds\":")
        .contains(
            "\"denied\":1,\"by_reason\":{\"new_destination\":1},\"workloads\":[{\"app\":\"app\","
                + "\"ready_after_s\":900.0,");
  }

  @Test
  void replay_text_saysWhatItWaitsFor() throws IOException {
    assertThat(run("--flows", write("flows.jsonl", GOOD).toString())).isZero();

    assertThat(out.toString())
        .contains("1 flows in", "app", "learning", "waits for 24 h more of observation");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "not json | flows.jsonl:2: not JSON at column",
        "{\"t\":1 | flows.jsonl:2: not JSON at column",
        "[1] | flows.jsonl:2: not an object (expected: {…})",
        "{} | flows.jsonl:2: t: missing (expected: a value)",
        "{} {} | flows.jsonl:2: t: missing (expected: a value)",
        "{\"t\":\"now\"} | flows.jsonl:2: t: now (expected: a number)",
        "{\"t\":1e99,\"app\":\"a\",\"workload\":\"w\",\"replica\":\"r\",\"dst\":{\"ip\":\"10.0.0.1\",\"port\":1,\"proto\":\"tcp\"}} | flows.jsonl:2: t: 1.0E99 (expected: seconds since the epoch)",
        "{\"t\":1,\"app\":{\"a\":1}} | flows.jsonl:2: app: { (expected: text)",
        "{\"t\":1,\"dst\":{\"port\":\"x\"}} | flows.jsonl:2: dst.port: x (expected: a whole number)",
        "{\"t\":1,\"dst\":{\"port\":70000,\"ip\":\"10.0.0.1\",\"proto\":\"tcp\"}} | flows.jsonl:2: dst.port: 70000 (expected: 0 to 65535)",
        "{\"t\":1,\"process\":{\"parent\":[null]}} | flows.jsonl:2: process.parent: null (expected: a list of up to 64 texts)",
        "{\"t\":1,\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]} | flows.jsonl:2: too deep, or a text or number too long"
      })
  void replay_malformedLine_isNamed_countedAndSkipped(String line, String expected)
      throws IOException {
    var flows = write("flows.jsonl", GOOD, line, GOOD);

    var code = run("--flows", flows.toString(), "-o", "json");

    assertThat(code).isZero();
    assertThat(err.toString()).contains(expected);
    assertThat(out.toString()).startsWith("{\"flows\":2,\"skipped\":1,");
  }

  @Test
  void replay_valueThatMeansNothing_isNamedWithItsLine() throws IOException {
    var flows = write("flows.jsonl", GOOD, GOOD.replace("spiffe://prod", "http://prod"), GOOD);
    var pods =
        write("pods.jsonl", "{\"start\":1,\"app\":\"a b\",\"workload\":\"x\",\"replica\":\"r\"}");

    assertThat(run("--flows", flows.toString(), "--inventory", pods.toString(), "-o", "json"))
        .isZero();

    assertThat(err.toString())
        .contains("pods.jsonl:1: SPIFFE ID 'x'")
        .contains("flows.jsonl:2: SPIFFE ID 'http://prod");
    assertThat(out.toString()).startsWith("{\"flows\":2,\"skipped\":2,");
  }

  @Test
  void replay_damagedLines_neverEndTheRun() throws IOException {
    var random = new java.util.Random(7);
    var lines = new ArrayList<String>();
    for (var i = 0; i < 3_000; i++) {
      var bytes = GOOD.getBytes(StandardCharsets.ISO_8859_1);
      for (var change = 0; change <= i % 3; change++) {
        bytes[random.nextInt(bytes.length)] = (byte) (32 + random.nextInt(95));
      }
      lines.add(new String(bytes, StandardCharsets.ISO_8859_1));
    }

    var code =
        run("--flows", write("f.jsonl", lines.toArray(String[]::new)).toString(), "-o", "json");

    assertThat(code).as(err.toString()).isZero();
    assertThat(out.toString()).startsWith("{\"flows\":");
  }

  @Test
  void replay_strict_stopsAtTheFirst() throws IOException {
    var code = run("--flows", write("flows.jsonl", GOOD, "{", GOOD).toString(), "--strict");

    assertThat(code).isEqualTo(1);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString()).contains("kith: flows.jsonl:2: not JSON at column");
  }

  @Test
  void replay_lineThatIsTooLong_isSkippedAsAWhole() throws IOException {
    var flows = write("flows.jsonl", "{\"x\":\"" + "y".repeat(JsonLines.MAX_LINE) + "\"}", GOOD);

    assertThat(run("--flows", flows.toString(), "-o", "json")).isZero();

    assertThat(err.toString())
        .contains("flows.jsonl:1: longer than 1048576 bytes (expected: one JSON object)");
    assertThat(out.toString()).startsWith("{\"flows\":1,\"skipped\":1,");
  }

  @Test
  void replay_gzipThatIsCut_usesWhatCameBefore() throws IOException {
    var whole = gzip("whole.gz", java.util.Collections.nCopies(20_000, GOOD));
    var bytes = Files.readAllBytes(whole);
    var cut = folder.resolve("cut.jsonl.gz");
    Files.write(cut, Arrays.copyOf(bytes, bytes.length / 2));

    assertThat(run("--flows", cut.toString(), "-o", "json")).isZero();

    assertThat(err.toString()).contains("cut.jsonl.gz:", "the gzip stream is broken or cut here");
    var flows = out.toString().replaceAll("^\\{\"flows\":(\\d+),.*\\R?", "$1");
    assertThat(Integer.parseInt(flows)).isBetween(100, 19_999);
    assertThat(run("--flows", cut.toString(), "--strict")).isEqualTo(1);
  }

  @Test
  void replay_severalLogs_areMergedByTime() throws IOException {
    var early = write("early.jsonl", flow(10, "a.shop.svc", 1), flow(30, "a.shop.svc", 1));
    var late = write("late.jsonl", flow(20, "b.shop.svc", 1));
    var verdicts = folder.resolve("verdicts.jsonl");

    run("--flows", late.toString(), early.toString(), "--verdicts", verdicts.toString());

    assertThat(Files.readAllLines(verdicts))
        .extracting(line -> line.replaceAll(".*\"t\":(\\d+),.*", "$1"))
        .containsExactly("10", "20", "30");
  }

  @Test
  void replay_fileThatIsNotThere_isOneSentence() {
    assertThat(run("--flows", folder.resolve("none").toString())).isEqualTo(1);

    assertThat(err.toString()).endsWith("none: no such file" + System.lineSeparator());
  }

  @Test
  void replay_settingThatIsWrong_isNamed() throws IOException {
    var settings = write("kith.yaml", "learning: {external: everything}");

    assertThat(run("--flows", write("f.jsonl", GOOD).toString(), "--settings", settings.toString()))
        .isEqualTo(1);
    assertThat(err.toString())
        .contains("learning.external", "'everything' (expected: vouch or auto)");
  }

  @Test
  void replay_truth_isNeverRead() throws IOException {
    var labelled = GOOD.substring(0, GOOD.length() - 1) + ",\"truth\":{\"label\":\"attack\"}}";
    var plain = folder.resolve("plain.jsonl");
    var other = folder.resolve("other.jsonl");

    run("--flows", write("a.jsonl", GOOD).toString(), "--verdicts", plain.toString());
    run("--flows", write("b.jsonl", labelled).toString(), "--verdicts", other.toString());

    assertThat(Files.readString(other)).isEqualTo(Files.readString(plain));
  }

  private int run(String... args) {
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        Stream.concat(Stream.of("replay"), Arrays.stream(args)).toArray(String[]::new));
  }

  private Path write(String name, String... lines) throws IOException {
    return Files.write(folder.resolve(name), List.of(lines));
  }

  private Path gzip(String name, List<String> lines) throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(bytes)) {
      // a number that differs keeps the lines from vanishing in the compression
      for (var i = 0; i < lines.size(); i++) {
        var line = lines.get(i).replaceFirst("\\{", "{\"x\":" + (i * 0x9e3779b97f4a7c15L) + ",");
        gzip.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return Files.write(folder.resolve(name), bytes.toByteArray());
  }

  private static String flow(double time, String host, int port) {
    return String.format(
        Locale.ROOT,
        "{\"t\":%.1f,\"env\":\"prod\",\"app\":\"app\","
            + "\"workload\":\"spiffe://prod.mesh.example/ns/shop/sa/app\","
            + "\"digest\":\"sha256:1\",\"replica\":\"a\",\"process\":{\"path\":\"/app\","
            + "\"uid\":1000,\"comm\":\"app\",\"parent\":[],\"origin\":\"image\"},"
            + "\"dst\":{\"host\":\"%s\",\"ip\":\"10.43.0.1\",\"port\":%d,\"proto\":\"tcp\"}}",
        time,
        host,
        port);
  }
}
