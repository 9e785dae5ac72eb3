package io.kith.server.verb;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.KithConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;

/**
 * What a command sees of the machine that it runs on.
 *
 * @param environment variables
 * @param directory where relative paths begin
 * @param user name of the person as they say, for audit records
 * @param out for results
 * @param err for messages
 */
public record Surroundings(
    Map<String, String> environment,
    Path directory,
    String user,
    PrintWriter out,
    PrintWriter err) {
  /** Who the person is where all share a user, as by {@code kubectl exec}. */
  private static final String USER = "KITH_USER";

  private static final Pattern STRANGE = Pattern.compile("[^A-Za-z0-9._@-]");
  private static final int MAX_USER = 64;

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

  /**
   * The name that {@code KITH_USER} gives, as records take it: {@code CORP\ada} is {@code
   * CORP_ada}.
   *
   * @param login the name where it gives none
   */
  static String user(Map<String, String> environment, String login) {
    var named = environment.getOrDefault(USER, "").strip();
    if (named.isEmpty()) {
      return login;
    }
    var printable = STRANGE.matcher(named).replaceAll("_");
    return printable.substring(0, Math.min(printable.length(), MAX_USER));
  }

  /** Those of this JVM. */
  public static Surroundings ofThisProcess() {
    return new Surroundings(
        System.getenv(),
        Path.of("").toAbsolutePath(),
        user(System.getenv(), System.getProperty("user.name", "?")),
        new PrintWriter(System.out, true, StandardCharsets.UTF_8),
        new PrintWriter(System.err, true, StandardCharsets.UTF_8));
  }
}
