package io.kith.load.tools;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * How Kith's programs are run by this JVM's own java and class path; under Surefire with a cache of
 * loaded classes, as the launcher makes one, with which they start faster. The JDK makes one only
 * of archives, so folders of classes are packed.
 *
 * <p>It is made beside everything else, once several programs were started, and serves those that
 * start afterwards. Without it they only start slower. Thread-safe.
 */
public final class StartCache {
  /** One JVM reads what another wrote only with the same of these. */
  private static final List<String> FLAGS =
      List.of(
          "--enable-native-access=ALL-UNNAMED",
          "--sun-misc-unsafe-memory-access=allow",
          "-XX:+UseSerialGC",
          "-XX:+UseCompactObjectHeaders",
          "-XX:TieredStopAtLevel=1");

  /** Fewer starts gain less than it takes. */
  private static final int WORTH_IT = 5;

  private static final String CACHE = "kith.aot";

  private static final StartCache OWN = new StartCache();

  private final @Nullable Path folder;
  private final String classPath;
  private int starts;

  private StartCache() {
    if (!OwnJvm.isForked()) {
      folder = null;
      classPath = OwnJvm.classPath();
      return;
    }
    try {
      var made = Files.createTempDirectory("kith-start");
      folder = made;
      Runtime.getRuntime().addShutdownHook(new Thread(() -> ToolCache.delete(made)));
      // Some of the programs run as another user.
      Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rwxr-xr-x"));
      var packed = new ArrayList<String>();
      for (var entry : OwnJvm.classPath().split(File.pathSeparator, -1)) {
        var path = Path.of(entry);
        if (!Files.isDirectory(path)) {
          packed.add(entry);
        } else if (!path.endsWith("test-classes")) {
          packed.add(pack(path, made.resolve("classes-" + packed.size() + ".jar")).toString());
        }
      }
      classPath = String.join(File.pathSeparator, packed);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path pack(Path classes, Path jar) throws IOException {
    try (var files = Files.walk(classes);
        var out = new JarOutputStream(new BufferedOutputStream(Files.newOutputStream(jar)))) {
      out.setLevel(0);
      for (var file : files.filter(one -> !one.equals(classes)).sorted().toList()) {
        var isFolder = Files.isDirectory(file); // migrations are found by their folder
        out.putNextEntry(new JarEntry(classes.relativize(file) + (isFolder ? "/" : "")));
        if (!isFolder) {
          Files.copy(file, out);
        }
        out.closeEntry();
      }
    }
    return jar;
  }

  /**
   * The command line of one of Kith's programs.
   *
   * @param more flags of the JVM
   */
  public static List<String> argv(String mainClass, List<String> more, List<String> arguments) {
    return OWN.start(mainClass, more, arguments);
  }

  private synchronized List<String> start(
      String mainClass, List<String> more, List<String> arguments) {
    var flags = new ArrayList<>(more);
    var at = folder;
    if (at != null) {
      var cache = at.resolve(CACHE);
      if (Files.exists(cache)) {
        // Of a cache that does not fit the JVM would tell in the program's output.
        flags.addAll(List.of("-XX:AOTCache=" + cache, "-Xlog:aot=off", "-Xlog:cds=off"));
      } else if (++starts == WORTH_IT) {
        Thread.ofPlatform().daemon().name("kith-start-cache").start(() -> rehearse(at));
      }
    }
    return command(mainClass, flags, arguments);
  }

  private List<String> command(String mainClass, List<String> more, List<String> arguments) {
    var argv = new ArrayList<String>();
    argv.add(OwnJvm.java().toString());
    argv.addAll(FLAGS);
    argv.addAll(more);
    argv.addAll(List.of("-cp", classPath, mainClass));
    argv.addAll(arguments);
    return argv;
  }

  private void rehearse(Path folder) {
    var made = folder.resolve("made.aot");
    var argv =
        command(
            "io.kith.server.rehearsal.Rehearsal",
            List.of("-XX:AOTCacheOutput=" + made, "-Xlog:disable"),
            List.of());
    var log = folder.resolve("rehearsal.log");
    try (var rehearsal = RunningProcess.start("the rehearsal", log, Map.of(), argv)) {
      if (rehearsal.awaitEnd() == 0) {
        Files.move(made, folder.resolve(CACHE));
      }
    } catch (IOException | InterruptedException e) {
      System.getLogger(StartCache.class.getName())
          .log(System.Logger.Level.WARNING, "programs start slower, without a cache", e);
    }
  }
}
