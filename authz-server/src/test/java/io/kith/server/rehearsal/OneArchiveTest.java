package io.kith.server.rehearsal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Driver;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OneArchiveTest {
  @TempDir Path folder;

  private Path archive(String name, Map<String, String> entries) throws IOException {
    var file = folder.resolve(name);
    try (var out = new ZipOutputStream(Files.newOutputStream(file))) {
      for (var entry : entries.entrySet()) {
        out.putNextEntry(new ZipEntry(entry.getKey()));
        out.write(entry.getValue().getBytes(UTF_8));
        out.closeEntry();
      }
    }
    return file;
  }

  private Path one(Path... archives) throws IOException {
    var written = folder.resolve("one.jar");
    OneArchive.write(List.of(archives), written);
    return written;
  }

  @Test
  void write_whatSeveralHave_isTheFirsts_andOfServicesAll() throws Exception {
    var first =
        archive("a.jar", Map.of("both", "first", "a", "a", "META-INF/services/x.Y", "p.One"));
    var second =
        archive(
            "b.jar",
            Map.of(
                "both", "second",
                "META-INF/services/x.Y", "p.Two # the other\n",
                "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n\n",
                "META-INF/SIGNER.SF", "of b.jar",
                "module-info.class", "of b.jar"));

    try (var jar = new JarFile(one(first, second).toFile())) {
      assertThat(jar.stream().map(ZipEntry::getName))
          .containsExactlyInAnyOrder("both", "a", "META-INF/services/x.Y");
      assertThat(text(jar, "both")).isEqualTo("first");
      assertThat(text(jar, "META-INF/services/x.Y").lines())
          .containsExactly("p.One", "p.Two # the other", "");
    }
  }

  @Test
  void write_ofSeveralVersions_isTheNewestThatThisJvmTakes() throws Exception {
    var several =
        archive(
            "a.jar",
            Map.of(
                "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMulti-Release: true\n\n",
                "a.txt", "old",
                "META-INF/versions/9/a.txt", "nine",
                "META-INF/versions/17/a.txt", "seventeen",
                "META-INF/versions/99/a.txt", "not yet"));

    try (var jar = new JarFile(one(several).toFile())) {
      assertThat(jar.stream().map(ZipEntry::getName)).containsExactly("a.txt");
      assertThat(text(jar, "a.txt")).isEqualTo("seventeen");
    }
  }

  /** The libraries of a server: both drivers of its stores are found, and can be loaded. */
  @Test
  void write_realLibraries_areFoundByTheirServices() throws Exception {
    var written = one(archiveOf("org.sqlite.JDBC"), archiveOf("org.postgresql.Driver"));

    try (var loader =
        new URLClassLoader(
            new URL[] {written.toUri().toURL()}, ClassLoader.getPlatformClassLoader())) {
      assertThat(ServiceLoader.load(Driver.class, loader).stream())
          .map(found -> found.type().getName())
          .contains("org.sqlite.JDBC", "org.postgresql.Driver");
    }
  }

  private static Path archiveOf(String type) throws Exception {
    return Path.of(Class.forName(type).getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static String text(JarFile jar, String name) throws IOException {
    try (var in = jar.getInputStream(jar.getEntry(name))) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }
}
