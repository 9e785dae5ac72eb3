package io.kith.load.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.tools.Command;
import io.kith.server.cli.Kith;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files that verbs write onto a disk that is full: the old one stays whole, nothing is left over.
 *
 * <p>The disk is a file system of 1 MiB in memory, which needs root; without it the test fails. The
 * store's own full disk is in {@link SqliteTroubleTest}.
 */
class FullDiskTest {
  private static final String NO_SPACE = "No space left on device";

  @TempDir private Path folder;
  private final StringWriter err = new StringWriter();
  private Path disk;
  private Path ballast;

  @BeforeEach
  void mount() throws Exception {
    disk = Files.createDirectories(folder.resolve("disk"));
    ballast = disk.resolve("ballast");
    command("mount", "-t", "tmpfs", "-o", "size=1m", "kith-test", disk.toString());
    kithDone("keys", "new", "disk/qa.pem");
    baseline("small.yaml", 1);
    baseline("large.yaml", 500);
  }

  @AfterEach
  void unmount() throws Exception {
    command("umount", disk.toString());
  }

  private static void command(String... argv) throws Exception {
    Command.run(Duration.ofMinutes(1), List.of(argv)).orFail();
  }

  private void baseline(String name, int edges) throws IOException {
    var text =
        new StringBuilder(
            """
            apiVersion: kith.io/v1
            kind: Baseline
            spec:
              workload: shop/deployment/checkout
              edges:
            """);
    for (var i = 0; i < edges; i++) {
      text.append(
          """
              - process: {path: /app/p%d, program: p%d}
                destination: {host: h.example.com, port: %d, protocol: tcp, evidence: dns}
          """
              .formatted(i, i, 1_000 + i)
              .indent(4));
    }
    Files.writeString(folder.resolve(name), text);
  }

  private int kith(String... arguments) {
    err.getBuffer().setLength(0);
    var nowhere = new PrintWriter(new StringWriter());
    return Kith.run(
        new Surroundings(Map.of(), folder, "ada", nowhere, new PrintWriter(err, true)), arguments);
  }

  private void kithDone(String... arguments) {
    assertThat(kith(arguments)).as(err.toString()).isZero();
  }

  /** Leaves so many bytes. */
  private void fill(int left) throws IOException {
    var free = Files.getFileStore(disk).getUsableSpace();
    Files.write(ballast, new byte[Math.toIntExact(free - left)]);
  }

  private List<String> files() throws IOException {
    try (var files = Files.list(disk)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void bundle_thatDoesNotFit_isRefused_andTheOldOneIsWhole() throws Exception {
    String[] small = {
      "bundle", "create", "small.yaml", "--env", "qa", "--key", "disk/qa.pem", "--out", "disk/b"
    };
    kithDone(small);
    var before = Files.readAllBytes(disk.resolve("b"));
    fill(16_384);

    var large = small.clone();
    large[2] = "large.yaml";
    assertThat(kith(large)).isEqualTo(1);

    assertThat(err.toString())
        .startsWith("kith: " + disk.resolve("b") + ": cannot be written: ")
        .contains(NO_SPACE)
        .endsWith("(what was there before still is)\n");
    assertThat(disk.resolve("b")).hasBinaryContent(before);
    assertThat(files()).containsExactly("b", "ballast", "qa.pem", "qa.pem.pub");
    kithDone("bundle", "verify", "disk/b", "--trust", "disk/qa.pem.pub");

    Files.delete(ballast);
    kithDone(large);
    kithDone("bundle", "verify", "disk/b", "--trust", "disk/qa.pem.pub");
  }

  @Test
  void baseline_thatDoesNotFit_isRefused_andTheOldOneIsWhole() throws Exception {
    kithDone("export", "small.yaml", "--out", "disk/b.yaml");
    var before = Files.readString(disk.resolve("b.yaml"));
    fill(16_384);

    assertThat(kith("export", "large.yaml", "--out", "disk/b.yaml")).isEqualTo(1);

    assertThat(err.toString()).contains(NO_SPACE);
    assertThat(disk.resolve("b.yaml")).hasContent(before);
    assertThat(files()).containsExactly("b.yaml", "ballast", "qa.pem", "qa.pem.pub");
  }

  /** Half a key was left, and its name was taken. */
  @Test
  void key_thatDoesNotFit_isRefused_andItsNameIsFree() throws Exception {
    fill(0);

    assertThat(kith("keys", "new", "disk/other.pem")).isEqualTo(1);

    assertThat(err.toString()).contains(NO_SPACE);
    assertThat(files()).containsExactly("ballast", "qa.pem", "qa.pem.pub");
    Files.delete(ballast);
    kithDone("keys", "new", "disk/other.pem");
  }
}
