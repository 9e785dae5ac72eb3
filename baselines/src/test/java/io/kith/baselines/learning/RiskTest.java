package io.kith.baselines.learning;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Script;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is never learned by itself, and which programs serve any purpose. */
class RiskTest {
  private static final Script OF_THE_IMAGE = new Script("/app/a.py", null, Origin.IMAGE, false);
  private static final Script DROPPED = new Script("/tmp/a.py", null, Origin.MOUNT, false);

  static Stream<Arguments> processes() {
    return Stream.of(
        Arguments.of("a binary of the image", binary("/app"), null),
        Arguments.of(
            "a script of the image", entry(EntryKind.SCRIPT, OF_THE_IMAGE, List.of(), false), null),
        Arguments.of(
            "a module, which has no file",
            entry(
                EntryKind.MODULE,
                new Script("http.server", null, Origin.UNKNOWN, false),
                List.of(),
                false),
            null),
        Arguments.of("no path", binary(""), "the executable is not known"),
        Arguments.of(
            "a script from elsewhere",
            entry(EntryKind.SCRIPT, DROPPED, List.of(), false),
            "the script is not from the image (from: mount)"),
        Arguments.of(
            "code on the command line",
            entry(
                EntryKind.INLINE,
                new Script("inline:00", null, Origin.UNKNOWN, false),
                List.of(),
                false),
            "the code came from the command line or standard input"),
        Arguments.of(
            "a library from elsewhere",
            entry(EntryKind.NATIVE, null, List.of("/tmp/x.so"), false),
            "code is loaded that is not from the image"),
        Arguments.of(
            "a session of a person",
            entry(EntryKind.NATIVE, null, List.of(), true),
            "it ran in an interactive session"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("processes")
  void of_aProcess_saysWhyItIsNotLearned(
      String name, ProcessFingerprint process, @Nullable String why) {
    assertThat(Risk.of(candidate(process, Quality.EXACT), Origin.IMAGE)).isEqualTo(why);
  }

  @ParameterizedTest
  @EnumSource(Quality.class)
  void of_anAttribution_isLearnedOnlyWhenItWasProved(Quality quality) {
    var proved = Set.of(Quality.HOLDER, Quality.EXACT_SHARED, Quality.EXACT).contains(quality);

    assertThat(Risk.of(candidate(binary("/app"), quality), Origin.IMAGE))
        .isEqualTo(proved ? null : "the process could not be proved at that moment");
  }

  @Test
  void of_codeOfTheHost_isLearnedOnlyWhereTheWorkloadRunsThere() {
    var ofHost = fingerprint("/app", Origin.HOST, EntryKind.NATIVE, null, List.of(), false);

    assertThat(Risk.of(candidate(ofHost, Quality.EXACT), Origin.HOST)).isNull();
    assertThat(Risk.of(candidate(ofHost, Quality.EXACT), Origin.IMAGE))
        .isEqualTo("the executable is not from the image (from: host)");
    assertThat(Risk.of(candidate(binary("/app"), Quality.EXACT), Origin.HOST))
        .isEqualTo("the executable is not from the host (from: image)");
  }

  @ParameterizedTest
  @CsvSource({
    "/bin/bash, bash, , true",
    "/usr/bin/curl, curl, , true",
    "/usr/bin/busybox, wget, , true",
    "/bin/busybox, app, , true",
    "/opt/curl, app, , true",
    "/opt/app, curl, , true",
    "/usr/bin/python#.#, python#.#, , true",
    "/usr/bin/python#, app, , true",
    "/opt/app, python, , true",
    "/usr/bin/python#, python#, /app/main.py, false",
    "/usr/bin/curl, curl, /app/main.py, true",
    "/app/checkout, checkout, , false",
    "/curl/checkout, checkout, , false",
    "checkout, checkout, , false",
    "curl, x, , true",
    "/usr/bin/java, java, , false"
  })
  void isTool_byProgramOrFile_interpretersOnlyWithoutAScript(
      String path, String program, @Nullable String script, boolean tool) {
    var process = new ProcessClass(path, program, script, List.of(), false);

    assertThat(Tools.isTool(process)).isEqualTo(tool);
  }

  private static ProcessFingerprint binary(String path) {
    return fingerprint(path, Origin.IMAGE, EntryKind.NATIVE, null, List.of(), false);
  }

  private static ProcessFingerprint entry(
      EntryKind kind, @Nullable Script script, List<String> injected, boolean session) {
    return fingerprint("/usr/bin/app", Origin.IMAGE, kind, script, injected, session);
  }

  private static ProcessFingerprint fingerprint(
      String path,
      Origin origin,
      EntryKind kind,
      @Nullable Script script,
      List<String> injected,
      boolean session) {
    return new ProcessFingerprint(
        path, null, origin, 1_000, kind, "app", script, List.of(), null, null, injected, session);
  }

  private static Candidate candidate(ProcessFingerprint fingerprint, Quality quality) {
    return new Candidate("fp:1", fingerprint, ProcessClass.of(fingerprint), quality, Set.of());
  }
}
