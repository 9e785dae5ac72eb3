package io.kith.load.fleet;

import io.kith.load.tools.OwnJvm;
import io.kith.load.tools.RunningProcess;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/**
 * Kith's server, run by this JVM's own java and class path.
 *
 * <p>Its first run, when it ends in order, leaves a cache of loaded classes with which the others
 * start in half the time. The JDK makes one only of archives, so folders of classes are packed.
 */
public final class ServerProgram {
  private static final List<String> FLAGS =
      List.of(
          "--enable-native-access=ALL-UNNAMED",
          "--sun-misc-unsafe-memory-access=allow",
          "-Xmx192m",
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1");

  private final Path cache;
  private final String classPath;

  /** Packs what this JVM has on its class path into a folder. */
  public ServerProgram(Path folder) throws IOException {
    this.cache = folder.resolve("kith.aot");
    var entries = OwnJvm.classPath().split(File.pathSeparator, -1);
    var packed = new ArrayList<String>();
    for (var entry : entries) {
      var path = Path.of(entry);
      if (!Files.isDirectory(path)) {
        packed.add(entry);
      } else if (!path.endsWith("test-classes") && !path.endsWith("test")) {
        packed.add(pack(path, folder.resolve("classes-" + packed.size() + ".jar")).toString());
      }
    }
    this.classPath = String.join(File.pathSeparator, packed);
  }

  private static Path pack(Path classes, Path jar) throws IOException {
    try (var files = Files.walk(classes);
        var out = new JarOutputStream(new BufferedOutputStream(Files.newOutputStream(jar)))) {
      out.setLevel(0);
      for (var file : files.filter(one -> !one.equals(classes)).sorted().toList()) {
        var folder = Files.isDirectory(file); // migrations are found by their folder
        out.putNextEntry(new JarEntry(classes.relativize(file) + (folder ? "/" : "")));
        if (!folder) {
          Files.copy(file, out);
        }
        out.closeEntry();
      }
    }
    return jar;
  }

  /** Starts it beside us, with its output in a file. */
  RunningProcess start(String name, Path config, Path log) {
    var argv = new ArrayList<String>();
    argv.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    argv.addAll(FLAGS);
    if (Files.exists(cache)) {
      argv.add("-XX:AOTCache=" + cache);
    } else if (!Files.exists(cache.resolveSibling("first"))) {
      argv.addAll(List.of("-XX:AOTCacheOutput=" + cache, "-Xlog:disable"));
      try {
        Files.createFile(cache.resolveSibling("first"));
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
    argv.addAll(
        List.of("-cp", classPath, "io.kith.server.Main", "server", "--config", config.toString()));
    return RunningProcess.start(name, log, Map.of(), argv);
  }
}
