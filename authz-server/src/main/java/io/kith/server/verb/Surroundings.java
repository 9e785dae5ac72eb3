package io.kith.server.verb;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.KithConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What a command sees of the machine that it runs on.
 *
 * @param environment variables
 * @param directory where relative paths begin
 * @param user name of the person, for audit records
 * @param out for results
 * @param err for messages
 */
public record Surroundings(
    Map<String, String> environment,
    Path directory,
    String user,
    PrintWriter out,
    PrintWriter err) {
  public Surroundings {
    environment = Map.copyOf(environment);
    requireNonNull(directory, "directory");
    requireNonNull(user, "user");
    requireNonNull(out, "out");
    requireNonNull(err, "err");
  }

  /** The command at the root, which knows them. */
  public interface Holder {
    /** Where all its verbs run. */
    Surroundings surroundings();
  }

  /** Those of the command that a verb belongs to. */
  public static Surroundings of(CommandSpec spec) {
    return spec.root().userObject() instanceof Holder holder
        ? holder.surroundings()
        : ofThisProcess();
  }

  /**
   * Where this user keeps what outlives a server: root in {@code /var/lib/kith}, others below their
   * own state directory (XDG Base Directory Specification).
   */
  public Path stateDirectory() {
    return isRoot() ? KithConfig.SYSTEM_STATE : stateDirectory(environment);
  }

  /** That of somebody who is not root. */
  static Path stateDirectory(Map<String, String> environment) {
    var named = environment.get("XDG_STATE_HOME");
    if (named != null && named.startsWith("/")) { // relative ones are to be ignored
      return Path.of(named, "kith");
    }
    var home = environment.get("HOME");
    return home == null || home.isBlank()
        ? KithConfig.SYSTEM_STATE
        : Path.of(home, ".local", "state", "kith");
  }

  private static boolean isRoot() {
    try {
      return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    } catch (IOException | UnsupportedOperationException _) {
      return "root".equals(System.getProperty("user.name"));
    }
  }

  /** A path as the person meant it. */
  public Path resolve(Path path) {
    return directory.resolve(path);
  }

  /** Those of this JVM. */
  public static Surroundings ofThisProcess() {
    return new Surroundings(
        System.getenv(),
        Path.of("").toAbsolutePath(),
        System.getProperty("user.name", "?"),
        new PrintWriter(System.out, true, StandardCharsets.UTF_8),
        new PrintWriter(System.err, true, StandardCharsets.UTF_8));
  }
}
