package io.kith.load.tools;

import java.nio.file.Path;

/** What other programs of Kith are run by: this JVM's own java and class path. */
public final class OwnJvm {
  private OwnJvm() {}

  /** The program {@code java}. */
  public static Path java() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  /** Under Surefire the class path of the process is one jar that only names the others. */
  public static String classPath() {
    var forked = System.getProperty("surefire.test.class.path", "");
    return forked.isEmpty() ? System.getProperty("java.class.path") : forked;
  }
}
