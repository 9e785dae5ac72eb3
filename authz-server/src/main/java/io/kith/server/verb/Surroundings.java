package io.kith.server.verb;

import static java.util.Objects.requireNonNull;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
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
