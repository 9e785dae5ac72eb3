package io.kith.load.tools;

import java.nio.file.Path;

/** What other programs of Kith are run by: this JVM's own java and class path. */
public final class OwnJvm {
  private static final String FORKED = System.getProperty("surefire.test.class.path", "");

  private OwnJvm() {}

  /** The program {@code java}. */
  public static Path java() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  /** Under Surefire the class path of the process is one jar that only names the others. */
  public static String classPath() {
    return isForked() ? FORKED : System.getProperty("java.class.path");
  }

  /** Whether Surefire started it, for tests. */
  static boolean isForked() {
    return !FORKED.isEmpty();
  }
}
