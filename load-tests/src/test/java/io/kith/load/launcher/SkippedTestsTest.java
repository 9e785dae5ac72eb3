package io.kith.load.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./kith test} with a Maven that only writes reports. */
class SkippedTestsTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** As surefire writes it. */
  private static final String REPORT =
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <testsuite name="io.kith.SomeTest" time="0.1" tests="2" errors="0" skipped="1" failures="0">
        <testcase name="runs" classname="io.kith.SomeTest" time="0.1"/>
        <testcase name="wants_whatIsMissing" classname="io.kith.SomeTest" time="0.0">
          <skipped message="no /dev/full" type="org.opentest4j.TestAbortedException"/>
        </testcase>
      </testsuite>
      """;

  @TempDir Path tree;

  @BeforeEach
  void copyLauncher() throws IOException {
    Files.copy(Path.of("..", "kith"), tree.resolve("kith"), StandardCopyOption.COPY_ATTRIBUTES);
    Files.createDirectories(tree.resolve("module/target/surefire-reports"));
  }

  private Path report() {
    return tree.resolve("module/target/surefire-reports/TEST-io.kith.SomeTest.xml");
  }

  /** Runs the launcher; its Maven is a script of this text. */
  private Outcome test(String maven) throws IOException, InterruptedException {
    var programs = Files.createDirectories(tree.resolve("programs"));
    Files.writeString(programs.resolve("mvn"), "#!/bin/sh\n" + maven + "\n");
    Files.setPosixFilePermissions(
        programs.resolve("mvn"), PosixFilePermissions.fromString("rwxr-xr-x"));
    return Command.run(
        LIMIT,
        tree,
        Map.of(
            "PATH",
            programs + ":" + System.getenv("PATH"),
            "KITH_IPTABLES",
            "/bin/true",
            "KITH_JAVA_HOME",
            System.getProperty("java.home")),
        List.of(tree.resolve("kith").toString(), "test"));
  }

  @Test
  void test_withASkippedTest_failsAndNamesIt() throws Exception {
    var text = Files.writeString(tree.resolve("report"), REPORT);

    var outcome = test("cp " + text + " " + report());

    assertThat(outcome.exit()).as(outcome.output()).isEqualTo(4);
    assertThat(outcome.output())
        .contains("tests were skipped", "  io.kith.SomeTest.wants_whatIsMissing")
        .doesNotContain("SomeTest.runs");
  }

  @Test
  void test_withoutASkippedTest_succeeds() throws Exception {
    Files.writeString(report(), REPORT); // of an earlier run
    Files.setLastModifiedTime(report(), FileTime.from(Instant.now().minusSeconds(60)));

    var outcome = test("exit 0");

    assertThat(outcome.exit()).as(outcome.output()).isZero();
  }

  @Test
  void test_whoseMavenFails_failsAsItDid() throws Exception {
    assertThat(test("exit 7").exit()).isEqualTo(7);
  }
}
