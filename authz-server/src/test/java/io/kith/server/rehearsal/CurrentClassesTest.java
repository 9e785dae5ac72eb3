package io.kith.server.rehearsal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.classfile.ClassFile;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class CurrentClassesTest {
  @TempDir Path folder;

  /** The one archive that the launcher has written anew. */
  private static Path old() throws Exception {
    return Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  @Test
  void write_classesOfOldFormat_areTheSameInAFormatThatIsKept() throws Exception {
    var written = folder.resolve("picocli.jar");

    CurrentClasses.write(old(), written);

    try (var before = new JarFile(old().toFile());
        var after = new JarFile(written.toFile())) {
      assertThat(after.stream().map(entry -> entry.getName()))
          .containsExactlyElementsOf(before.stream().map(entry -> entry.getName()).toList());
      assertThat(major(before)).isLessThan(ClassFile.JAVA_6_VERSION);
      assertThat(major(after)).isEqualTo(ClassFile.JAVA_7_VERSION);
    }
  }

  private static int major(JarFile jar) throws Exception {
    try (var in = jar.getInputStream(jar.getEntry("picocli/CommandLine.class"))) {
      return ClassFile.of().parse(in.readAllBytes()).majorVersion();
    }
  }

  /** Each class is verified by its stack maps, and the parser does with them what it does. */
  @Test
  void write_classes_verifyAndWork() throws Exception {
    var written = folder.resolve("picocli.jar");
    CurrentClasses.write(old(), written);

    try (var jar = new JarFile(written.toFile());
        var loader =
            new URLClassLoader(
                new URL[] {written.toUri().toURL()}, ClassLoader.getPlatformClassLoader())) {
      for (var entry : jar.stream().toList()) {
        var name = entry.getName();
        if (name.startsWith("picocli/") && name.endsWith(".class") && !name.contains("groovy")) {
          var type = name.substring(0, name.length() - ".class".length()).replace('/', '.');
          assertThat(Class.forName(type, true, loader).getClassLoader()).isSameAs(loader);
        }
      }
      assertThat(help(loader.loadClass("picocli.CommandLine"))).isEqualTo(help(CommandLine.class));
    }
  }

  private static String help(Class<?> parser) throws Exception {
    var generator =
        Class.forName("picocli.AutoComplete$GenerateCompletion", true, parser.getClassLoader());
    var out = new StringWriter();
    var line = parser.getConstructor(Object.class).newInstance(generator);
    parser.getMethod("usage", PrintWriter.class).invoke(line, new PrintWriter(out, true));
    return out.toString();
  }
}
