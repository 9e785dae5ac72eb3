package io.kith.load.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./kith images}. */
@Tag("cluster")
@Timeout(900)
class ImagesTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Path MADE = ROOT.resolve("target/images");
  private static final Duration LIMIT = Duration.ofMinutes(8);

  @TempDir Path folder;

  private static Outcome images(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of(ROOT.resolve("kith").toString(), "images"));
    argv.addAll(List.of(arguments));
    return Command.run(LIMIT, ROOT, environment, argv);
  }

  private static String digest() throws Exception {
    return HexFormat.of()
        .formatHex(
            MessageDigest.getInstance("SHA-256")
                .digest(Files.readAllBytes(MADE.resolve("kith.tar"))));
  }

  /** Names of archives in a list of CycloneDX, as Maven writes them. */
  private static Set<String> listed(Path sbom) throws IOException {
    var names = new TreeSet<String>();
    for (var component : new ObjectMapper().readTree(sbom.toFile()).path("components")) {
      var classifier =
          component.path("purl").asText().replaceFirst("^.*[?&]classifier=([^&]*).*$|^.*$", "-$1");
      names.add(
          component.path("name").asText()
              + "-"
              + component.path("version").asText()
              + (classifier.equals("-") ? "" : classifier)
              + ".jar");
    }
    return names;
  }

  @Test
  void images_twice_haveTheSameBytes_listAllLibraries_andArePushed() throws Exception {
    var tag = "registry.example.org/kith:0.1.0";
    images(Map.of(), "--tag", tag, "--online").orFail();
    var first = digest();
    var sbom = MADE.resolve("root/usr/share/kith/kith.cdx.json");
    assertThat(listed(sbom)).containsAll(libraries());

    // The first of the programs that are looked for, which only says what it was asked for.
    var skopeo = Files.writeString(folder.resolve("skopeo"), "#!/bin/sh\necho pushed: \"$@\"\n");
    Files.setPosixFilePermissions(skopeo, PosixFilePermissions.fromString("rwxr-xr-x"));
    var again =
        images(Map.of("PATH", folder + ":" + System.getenv("PATH")), "--tag", tag, "--push")
            .orFail();

    assertThat(digest()).isEqualTo(first);
    assertThat(again.output())
        .contains("pushed: copy docker-archive:" + MADE.resolve("kith.tar") + " docker://" + tag);
  }

  private static List<String> libraries() throws IOException {
    try (var files = Files.list(MADE.resolve("root/opt/kith/lib"))) {
      var names = files.map(file -> file.getFileName().toString()).toList();
      assertThat(names).hasSizeGreaterThan(20);
      return names;
    }
  }

  @Test
  void images_forAnotherArchitecture_withoutItsJava_isRefused() throws Exception {
    var other = System.getProperty("os.arch").equals("aarch64") ? "amd64" : "arm64";

    var refused = images(Map.of(), "--arch", other);

    assertThat(refused.exit()).as(refused.output()).isEqualTo(3);
    assertThat(refused.output()).contains("is none for " + other);
  }

  @Test
  void images_pushedUnderANameWithoutRegistry_isRefused() throws Exception {
    var refused = images(Map.of(), "--push", "--tag", "kith:0.1.0");

    assertThat(refused.exit()).as(refused.output()).isEqualTo(2);
    assertThat(refused.output()).contains("--push: 'kith:0.1.0' names no registry");
  }
}
