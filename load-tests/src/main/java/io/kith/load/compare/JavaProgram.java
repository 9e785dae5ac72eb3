package io.kith.load.compare;

import io.kith.load.tools.OwnJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A program run by this JVM's own java and class path, with the flags that the launcher gives. */
final class JavaProgram {
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  private JavaProgram() {}

  /** Its command line; the flags are the same for every server. */
  static List<String> argv(Class<?> main, List<String> arguments) throws IOException {
    var argv = new ArrayList<String>();
    argv.add(OwnJvm.java().toString());
    argv.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-XX:+UseCompactObjectHeaders",
            "-Xshare:auto",
            "-Xms72m",
            "-XX:NewSize=48m",
            "-XX:TrimNativeHeapInterval=5000",
            "-Dio.grpc.netty.shaded.io.netty.leakDetection.level=disabled"));
    if (Files.isReadable(HUGE_PAGES) && !Files.readString(HUGE_PAGES).contains("[never]")) {
      argv.add("-XX:+UseTransparentHugePages");
    }
    var more = System.getenv("KITH_SERVER_JAVA_OPTS");
    if (more != null && !more.isBlank()) {
      argv.addAll(List.of(more.strip().split("\\s+")));
    }
    argv.addAll(List.of("-cp", OwnJvm.classPath(), main.getName()));
    argv.addAll(arguments);
    return argv;
  }
}
