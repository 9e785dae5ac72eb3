package io.kith.load.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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

  private static String sha256(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Hashes of all regular files by their place in the image; the list cannot have its own. */
  private static Map<String, String> files(Path root) throws IOException {
    var hashes = new TreeMap<String, String>();
    try (var all = Files.walk(root)) {
      for (var file : all.filter(one -> Files.isRegularFile(one, NOFOLLOW_LINKS)).toList()) {
        hashes.put("/" + root.relativize(file), sha256(file));
      }
    }
    assertThat(hashes.remove("/usr/share/kith/kith.cdx.json")).isNotNull();
    assertThat(hashes).hasSizeGreaterThan(100);
    return hashes;
  }

  /** Hashes that the list has, by the place of the file. */
  private static Map<String, String> hashes(Path sbom) throws IOException {
    var hashes = new TreeMap<String, String>();
    for (var component : new ObjectMapper().readTree(sbom.toFile()).path("components")) {
      var hash = sha256(component);
      if (component.path("purl").asText().startsWith("pkg:maven/") && !hash.isEmpty()) {
        hashes.put("/opt/kith/lib/" + archive(component), hash);
      }
      for (var file : component.path("components")) {
        assertThat(file.path("type").asText()).isEqualTo("file");
        assertThat(hashes.put(file.path("name").asText(), sha256(file)))
            .as(file.toString())
            .isNull();
      }
    }
    return hashes;
  }

  private static String sha256(JsonNode component) {
    for (var hash : component.path("hashes")) {
      if (hash.path("alg").asText().equals("SHA-256")) {
        return hash.path("content").asText();
      }
    }
    return "";
  }

  /** Names of archives in a list of CycloneDX, as Maven writes them. */
  private static Set<String> listed(Path sbom) throws IOException {
    var names = new TreeSet<String>();
    for (var component : new ObjectMapper().readTree(sbom.toFile()).path("components")) {
      names.add(archive(component));
    }
    return names;
  }

  private static String archive(JsonNode component) {
    var classifier =
        component.path("purl").asText().replaceFirst("^.*[?&]classifier=([^&]*).*$|^.*$", "-$1");
    return component.path("name").asText()
        + "-"
        + component.path("version").asText()
        + (classifier.equals("-") ? "" : classifier)
        + ".jar";
  }

  @Test
  void images_twice_haveTheSameBytes_listAllLibraries_andArePushed() throws Exception {
    var tag = "registry.example.org/kith:0.1.0";
    images(Map.of(), "--tag", tag).orFail();
    var first = sha256(MADE.resolve("kith.tar"));
    var sbom = MADE.resolve("root/usr/share/kith/kith.cdx.json");
    assertThat(listed(sbom)).containsAll(libraries());
    assertThat(hashes(sbom)).containsAllEntriesOf(files(MADE.resolve("root")));
    assertThat(new ObjectMapper().readTree(sbom.toFile()).path("components"))
        .extracting(component -> component.path("type").asText())
        .contains("platform", "operating-system");

    // The first of the programs that are looked for, which only says what it was asked for.
    var skopeo = Files.writeString(folder.resolve("skopeo"), "#!/bin/sh\necho pushed: \"$@\"\n");
    Files.setPosixFilePermissions(skopeo, PosixFilePermissions.fromString("rwxr-xr-x"));
    var again =
        images(Map.of("PATH", folder + ":" + System.getenv("PATH")), "--tag", tag, "--push")
            .orFail();

    assertThat(sha256(MADE.resolve("kith.tar"))).isEqualTo(first);
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

  /** A program in the root of the image. */
  private static Outcome inTheImage(String javaFlags, String... argv) throws Exception {
    var all =
        new ArrayList<>(
            List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" \"$@\"",
                MADE.resolve("root").toString()));
    all.addAll(List.of(argv));
    return Command.run(LIMIT, ROOT, Map.of("JDK_JAVA_OPTIONS", javaFlags), all);
  }

  /**
   * A verb as it is called in the image, on a node with much memory. The JVM ends where it may not
   * go on without a cache that fits.
   */
  private static Outcome helpFromTheCache(String verb) throws Exception {
    return inTheImage("-XX:AOTMode=on -XX:MaxRAM=256g", "/usr/local/bin/kith", verb, "--help");
  }

  @Test
  void images_rehearsed_startServerAndVerbsFromWhatTheJvmLearned() throws Exception {
    images(Map.of(), "--rehearse").orFail();
    var root = MADE.resolve("root");
    var sbom = root.resolve("usr/share/kith/kith.cdx.json");
    assertThat(hashes(sbom)).containsAllEntriesOf(files(root));

    for (var verb : List.of("server", "status")) {
      assertThat(helpFromTheCache(verb).orFail().output()).contains("Usage: kith " + verb);
      var cache =
          root.resolve("opt/kith/server/%s.aot".formatted(verb.equals("server") ? verb : "verbs"));
      assertThat(componentOf(cache, sbom).path("licenses").toString())
          .contains("openjdk", "libraries")
          .doesNotContain("Apache-2.0");
      assertHasNoMachineCode(cache);

      var made = Files.move(cache, folder.resolve("made.aot"), REPLACE_EXISTING);
      assertThat(helpFromTheCache(verb).exit()).isNotZero();
      Files.copy(root.resolve("opt/kith/server/kith.jar"), cache);
      assertThat(helpFromTheCache(verb).exit()).isNotZero();

      var without = inTheImage("", "/usr/local/bin/kith", verb, "--help").orFail().output();
      assertThat(without).contains("Usage: kith " + verb).doesNotContain("aot", "warning");
      Files.move(made, cache, REPLACE_EXISTING);
    }
  }

  /** Before JDK 25.0.5 the JVM runs it on CPUs that lack what the CPU of the rehearsal had. */
  private static void assertHasNoMachineCode(Path cache) throws Exception {
    var java =
        "exec /opt/java/bin/java $(cat /opt/kith/flags) -XX:+AOTAdapterCaching -XX:+AOTStubCaching"
            + " -XX:AOTMode=on -XX:AOTCache=\"$0\" -Xlog:aot+codecache*=debug"
            + " -cp \"$(cat /opt/kith/server/classpath)\" io.kith.server.Main --version";

    var log =
        inTheImage("", "sh", "-c", java, "/" + MADE.resolve("root").relativize(cache))
            .orFail()
            .output();

    assertThat(log).contains("AOT Code Cache is empty", "kith ").doesNotContain("AOT code entries");
  }

  private static JsonNode componentOf(Path file, Path sbom) throws IOException {
    for (var component : new ObjectMapper().readTree(sbom.toFile()).path("components")) {
      for (var one : component.path("components")) {
        if (file.endsWith(one.path("name").asText().substring(1))) {
          return component;
        }
      }
    }
    throw new AssertionError(file + " is not listed");
  }

  /**
   * The components of an image's files, by their places.
   *
   * @param packages whether the C library's root says, as dpkg does, of which packages they are
   */
  private Map<String, JsonNode> sbomOf(boolean packages) throws Exception {
    var root = folder.resolve("root");
    var libc = folder.resolve("libc");
    for (var merged : List.of("lib", "bin")) {
      Files.createDirectories(libc.resolve("usr").resolve(merged));
      Files.createSymbolicLink(libc.resolve(merged), Path.of("usr", merged));
    }
    for (var of : List.of(root, libc)) {
      for (var file : List.of("lib/libc.so.6", "lib/libz.so.1", "usr/bin/busybox", "lib/own.so")) {
        if (of.equals(root)) {
          Files.createDirectories(of.resolve(file).getParent());
        }
        Files.writeString(of.resolve(file), file);
      }
    }
    if (packages) {
      Files.createDirectories(libc.resolve("etc"));
      Files.writeString(libc.resolve("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\n");
      install(libc, "libc6", "2.36-9+deb12u1", "glibc", "/usr/lib/libc.so.6", "lib/libc.so.6");
      install(
          libc,
          "busybox-static",
          "1:1.35.0",
          "busybox (1:1.34)",
          "/bin/busybox",
          "usr/bin/busybox");
      install(libc, "zlib1g", "1:1.3", "zlib", "/lib/libz.so.1", "another content");
    }
    var libraries =
        Files.writeString(
            folder.resolve("maven.json"), "{\n  \"components\" : [\n    {}\n  ]\n}\n");
    var jdk = Files.createDirectories(folder.resolve("jdk"));
    Files.writeString(
        jdk.resolve("release"), "IMPLEMENTOR=\"X\"\nJAVA_RUNTIME_VERSION=\"25.0.3+9-LTS\"\n");

    var sbom =
        Command.run(
                LIMIT,
                List.of(
                    ROOT.resolve("istio/images/sbom").toString(),
                    root.toString(),
                    jdk.toString(),
                    libc.toString(),
                    "amd64",
                    "0.1.0",
                    libraries.toString()))
            .orFail()
            .output();

    var components = new TreeMap<String, JsonNode>();
    for (var component : new ObjectMapper().readTree(sbom).path("components")) {
      for (var file : component.path("components")) {
        components.put(file.path("name").asText(), component);
      }
    }
    assertThat(components.keySet())
        .containsExactly("/lib/libc.so.6", "/lib/libz.so.1", "/lib/own.so", "/usr/bin/busybox");
    return components;
  }

  /** What dpkg writes down of a package with one file. */
  private static void install(
      Path root, String name, String version, String source, String path, String content)
      throws Exception {
    var database = root.resolve("var/lib/dpkg");
    Files.createDirectories(database.resolve("info"));
    Files.createDirectories(database.resolve("updates"));
    Files.writeString(
        database.resolve("status"),
        """
        Package: %s
        Status: install ok installed
        Maintainer: nobody
        Architecture: amd64
        Source: %s
        Version: %s
        Description: of a test

        """
            .formatted(name, source, version),
        CREATE,
        APPEND);
    Files.writeString(database.resolve("info/format"), "1\n");
    Files.writeString(database.resolve("info/" + name + ".list"), "/.\n" + path + "\n");
    var md5 = MessageDigest.getInstance("MD5").digest(content.getBytes(UTF_8));
    Files.writeString(
        database.resolve("info/" + name + ".md5sums"),
        HexFormat.of().formatHex(md5) + "  " + path.substring(1) + "\n");
  }

  @Test
  void sbom_ofFilesOfPackages_namesPackages_andOfAnAlteredFileOnlyItsHash() throws Exception {
    var components = sbomOf(true);
    var libc = requireNonNull(components.get("/lib/libc.so.6"));
    var busybox = requireNonNull(components.get("/usr/bin/busybox"));

    assertThat(libc.path("purl").asText())
        .isEqualTo(
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=glibc");
    assertThat(libc.path("version").asText()).isEqualTo("2.36-9+deb12u1");
    assertThat(busybox.path("purl").asText())
        .isEqualTo(
            "pkg:deb/debian/busybox-static@1:1.35.0?arch=amd64&distro=debian-12&upstream=busybox%401:1.34");
    for (var file : List.of("/lib/libz.so.1", "/lib/own.so")) {
      assertOfNoPackage(file, requireNonNull(components.get(file)));
    }
  }

  private void copyright(String name, String text) throws IOException {
    var place = folder.resolve("libc/usr/share/doc").resolve(name).resolve("copyright");
    Files.createDirectories(place.getParent());
    Files.writeString(place, text);
  }

  @Test
  void sbom_ofFilesOfPackages_hasLicences_byIdWhereTheyAreSure() throws Exception {
    copyright(
        "libc6",
        """
        Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
        Files: *
        License: LGPL-2.1+

        Files: a
        License: GPL-2
        License: GPL-2+
        License: GPL-3.0+
        License: LGPL-2
        License: Expat
        License: BSD-3-clause
        License: Zlib \t
        License: GPL-2+ with "Autoconf" exception
        License: BSD-3-clause or GPL-2
        License: MIT
        License:
         License: in its text
        License: Zlib
        """);
    copyright(
        "busybox-static",
        """
        This package was debianized by somebody.
        License:
        The text can be found in `/usr/share/common-licenses/GPL-2'.
        And that in /usr/share/common-licenses/LGPL-2.1. Others too: /usr/share/common-licenses/GPL-2.
        """);

    var components = sbomOf(true);

    assertThat(requireNonNull(components.get("/lib/libc.so.6")).path("licenses"))
        .extracting(one -> one.path("license").toString())
        .containsExactly(
            "{\"id\":\"BSD-3-Clause\"}",
            "{\"id\":\"GPL-2.0-only\"}",
            "{\"id\":\"GPL-2.0-or-later\"}",
            "{\"id\":\"GPL-3.0-or-later\"}",
            "{\"id\":\"LGPL-2.0-only\"}",
            "{\"id\":\"LGPL-2.1-or-later\"}",
            "{\"id\":\"MIT\"}",
            "{\"id\":\"Zlib\"}",
            "{\"name\":\"BSD-3-clause or GPL-2\"}",
            "{\"name\":\"GPL-2+ with \\\"Autoconf\\\" exception\"}",
            "{\"name\":\"MIT\"}");
    assertThat(requireNonNull(components.get("/usr/bin/busybox")).path("licenses").toString())
        .isEqualTo(
            "[{\"license\":{\"name\":\"told in words by /usr/share/doc/busybox-static/copyright of"
                + " the package, which mentions GPL-2 LGPL-2.1\"}}]");
    assertThat(requireNonNull(components.get("/lib/libz.so.1")).has("licenses")).isFalse();
  }

  @Test
  void sbom_withoutPackages_saysThatVersionsAreNotKnown() throws Exception {
    sbomOf(false).forEach(ImagesTest::assertOfNoPackage);
  }

  private static void assertOfNoPackage(String file, JsonNode component) {
    assertThat(component.has("version")).as(file).isFalse();
    assertThat(component.path("name").asText()).isEqualTo(file.replaceFirst(".*/", ""));
    assertThat(component.path("purl").asText())
        .isEqualTo(
            "pkg:generic/%s?checksum=sha256:%s"
                .formatted(
                    component.path("name").asText(), sha256(component.path("components").get(0))));
    assertThat(component.path("properties").toString()).contains("of no package");
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
