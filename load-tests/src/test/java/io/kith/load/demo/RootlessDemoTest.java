package io.kith.load.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.OwnJvm;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The whole demo, run by somebody who has no privileges. */
@Timeout(900)
class RootlessDemoTest {
  /** A user who owns nothing; only root can become one. */
  private static final List<String> NOBODY =
      List.of(
          "setpriv",
          "--reuid",
          "65534",
          "--regid",
          "65534",
          "--clear-groups",
          "--inh-caps=-all",
          "--bounding-set=-all",
          "--no-new-privs");

  @TempDir private Path folder;

  @Test
  void demo_withoutPrivileges_showsTheJobOnRungC() throws Exception {
    var outcome = demo();

    assertThat(outcome.exit()).as("%s", outcome.output()).isZero();
    assertThat(outcome.output())
        .contains("So this is lost:", "What remains is rung C", "3  Attack", "All of it held");
    var report = new ObjectMapper().readTree(Command.tail(outcome.output(), 1));
    assertThat(report.path("rung").asText()).isEqualTo("C");
    assertThat(report.path("learned_edges").asInt()).isEqualTo(3);
    assertThat(report.path("benign").path("checked").asInt()).isPositive();
    assertThat(report.path("benign").path("denied").asInt(-1)).isZero();
    assertThat(report.path("allowed_then_expired").asBoolean()).isTrue();
    var reasons = reasons(report);
    assertThat(reasons)
        .containsEntry("another program", "new_process")
        .containsEntry("unknown address", "new_destination")
        .containsEntry("renamed copy", "new_process")
        .containsEntry("another script", "new_process")
        .containsEntry("run from memory", "origin_not_in_image")
        .hasSize(6);
    // On a busy machine it may be found before it is gone.
    assertThat(reasons.get("hit and run")).isIn("unattributed", "new_process");
    assertThat(report.path("attacks")).allMatch(attack -> attack.path("denied").asBoolean());
  }

  private static Map<String, String> reasons(JsonNode report) {
    var reasons = new LinkedHashMap<String, String>();
    report
        .path("attacks")
        .forEach(
            attack -> reasons.put(attack.path("name").asText(), attack.path("reason").asText()));
    return reasons;
  }

  private Command.Outcome demo() throws IOException, InterruptedException {
    var root = ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).intValue() == 0;
    var home = Files.createDirectory(folder.resolve("home"));
    var envoy = Envoy.find(System.out::println).program();
    var argv = new ArrayList<String>();
    if (root) {
      argv.addAll(NOBODY);
      open(folder);
      open(home);
      envoy = copy(envoy.toRealPath(), folder.resolve("envoy"));
    }
    argv.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    argv.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-cp"));
    argv.add(root ? readableClassPath() : OwnJvm.classPath());
    argv.addAll(List.of("io.kith.load.Main", "demo", "--no-jaeger", "-o", "json"));
    return Command.run(
        Duration.ofMinutes(14),
        folder,
        Map.of("HOME", home.toString(), "KITH_ENVOY", envoy.toString()),
        argv);
  }

  /** Copies, since what root has built and fetched need not be readable for others. */
  private String readableClassPath() throws IOException {
    var classes = Files.createDirectory(folder.resolve("classes"));
    open(classes);
    var copies = new ArrayList<String>();
    for (var entry : OwnJvm.classPath().split(File.pathSeparator, -1)) {
      var file = Path.of(entry);
      if (Files.exists(file)) {
        var name = copies.size() + "-" + file.getFileName();
        copies.add(copy(file, classes.resolve(name)).toString());
      }
    }
    return String.join(File.pathSeparator, copies);
  }

  private static Path copy(Path from, Path to) throws IOException {
    try (var files = Files.walk(from)) {
      files.forEach(file -> copyOne(file, to.resolve(from.relativize(file).toString())));
    }
    return to;
  }

  private static void copyOne(Path from, Path to) {
    try {
      Files.copy(from, to);
      open(to);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void open(Path path) throws IOException {
    var all = path.endsWith("home") ? "rwxrwxrwx" : "rwxr-xr-x";
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(all));
  }
}
