package io.kith.load.compare;

import io.kith.load.tools.OwnJvm;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A program run by this JVM's own java, with the flags that the launcher gives. */
final class JavaProgram {
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  /** What the launcher says of a server as it runs it; absent in tests, which it does not run. */
  private static final String CLASSES = System.getProperty("kith.server.classes", "");

  private static final String CACHE = System.getProperty("kith.server.cache", "");

  private static final String NATIVES = System.getProperty("kith.server.natives", "");

  private JavaProgram() {}

  /**
   * The command line of one with this JVM's own class path; flags are the same for every server.
   */
  static List<String> argv(Class<?> main, List<String> arguments) throws IOException {
    var argv = java();
    argv.addAll(List.of("-cp", OwnJvm.classPath(), main.getName()));
    argv.addAll(arguments);
    return argv;
  }

  /** The command line of Kith's server as it is delivered: its archive, and what was rehearsed. */
  static List<String> server(List<String> arguments) throws IOException {
    return server(io.kith.server.Main.class, "", arguments);
  }

  /** The command line of a program around the parts of Kith's server. */
  static List<String> around(Class<?> main, List<String> arguments) throws IOException {
    return server(main, File.pathSeparator + OwnJvm.classPath(), arguments);
  }

  private static List<String> server(Class<?> main, String more, List<String> arguments)
      throws IOException {
    if (CLASSES.isEmpty()) {
      return argv(main, arguments);
    }
    var argv = java();
    if (!CACHE.isEmpty() && Files.isReadable(Path.of(CACHE))) {
      argv.addAll(
          List.of(
              "-XX:AOTCache=" + CACHE, "-XX:+UseCompressedOops", "-Xlog:aot=off", "-Xlog:cds=off"));
    }
    if (Files.isDirectory(Path.of(NATIVES))) {
      argv.addAll(
          List.of(
              "-Djava.library.path=" + NATIVES,
              "-Dorg.sqlite.lib.path=" + NATIVES,
              "-Dorg.sqlite.tmpdir=" + NATIVES));
    }
    argv.addAll(List.of("-cp", CLASSES + more, main.getName()));
    argv.addAll(arguments);
    return argv;
  }

  private static List<String> java() throws IOException {
    var argv = new ArrayList<String>();
    argv.add(OwnJvm.java().toString());
    argv.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-XX:+UseCompactObjectHeaders",
            "-XX:+UnlockDiagnosticVMOptions",
            "-XX:-AOTAdapterCaching",
            "-XX:-AOTStubCaching",
            "-Xms48m",
            "-XX:NewSize=24m",
            "-XX:MaxNewSize=24m",
            "-XX:SurvivorRatio=6",
            "-XX:TargetSurvivorRatio=90",
            "-XX:MinHeapFreeRatio=10",
            "-XX:MaxHeapFreeRatio=20",
            "-XX:-ShrinkHeapInSteps",
            "-XX:MarkSweepDeadRatio=0",
            "-XX:CompileThresholdScaling=2",
            "-XX:TrimNativeHeapInterval=5000",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:ThreadPriorityPolicy=1",
            "-XX:CompilerThreadPriority=5",
            "-XX:-PrintWarnings",
            "-Dio.grpc.netty.shaded.io.netty.leakDetection.level=disabled",
            "-Dio.grpc.netty.shaded.io.netty.jfr.enabled=false"));
    if (Files.isReadable(HUGE_PAGES) && !Files.readString(HUGE_PAGES).contains("[never]")) {
      argv.add("-XX:+UseTransparentHugePages");
    }
    var more = System.getenv("KITH_SERVER_JAVA_OPTS");
    if (more != null && !more.isBlank()) {
      argv.addAll(List.of(more.strip().split("\\s+")));
    }
    return argv;
  }
}
