package io.kith.load.soak;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Some seconds with a real server; how fast it is, is not looked at. */
class SoakCommandTest {
  @TempDir private Path folder;

  private static int run(StringWriter out, String... arguments) {
    return new CommandLine(new SoakCommand())
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(new StringWriter()))
        .execute(arguments);
  }

  @Test
  void soak_isRightInEveryWindow_andIsTakenUpAgain() throws Exception {
    var state = folder.resolve("soak.jsonl");
    var options = new String[] {"--rate", "100", "--window", "1s", "--state", "" + state};

    assertThat(run(new StringWriter(), with(options, "--for", "6s"))).isZero();
    var first = SoakState.resume(state).windows();
    var out = new StringWriter();
    var exit = run(out, with(options, "--for", "1s", "--resume", "-o", "json"));

    assertThat(exit).as("%s", out).isZero();
    var all = SoakState.resume(state).windows();
    assertThat(all).startsWith(first.toArray(SoakWindow[]::new)).hasSizeGreaterThan(first.size());
    assertThat(all.getLast().run()).isEqualTo(2);
    assertThat(all)
        .allSatisfy(
            window -> {
              assertThat(window.wrong()).isZero();
              assertThat(window.checks()).isPositive();
              assertThat(window.heapKib()).isPositive();
              assertThat(window.files()).isPositive();
              assertThat(window.threads()).isPositive();
              assertThat(window.changes()).isEqualTo(4);
            });
    var json = new ObjectMapper().readTree(out.toString().strip().lines().toList().getLast());
    assertThat(json.get("windows").intValue()).isEqualTo(all.size());
    assertThat(json.get("wrong").intValue()).isZero();
    assertThat(out.toString()).contains("No verdict was wrong");
  }

  @Test
  void report_withAWrongVerdict_endsWithOne() throws Exception {
    var file = folder.resolve("wrong.jsonl");
    SoakState.create(file).add(new SoakWindow(1, 10, 100, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0));
    var out = new StringWriter();

    var exit = run(out, "--for", "0s", "--resume", "--state", "" + file);

    assertThat(exit).isEqualTo(1);
    assertThat(out.toString()).contains("2 VERDICTS WERE WRONG");
  }

  private static String[] with(String[] options, String... more) {
    var all = java.util.Arrays.copyOf(options, options.length + more.length);
    System.arraycopy(more, 0, all, options.length, more.length);
    return all;
  }
}
