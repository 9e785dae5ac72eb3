package io.kith.server.cli;

import io.kith.server.verb.Surroundings;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/*
 * picocli describes all verbs to itself by reflection, with classes of a format so old that the JVM
 * keeps nothing of them from run to run: a fourth of the time until the first answer.
 */
/** The command line of a server in its usual form, which needs no parser. */
final class PlainServer {
  private PlainServer() {}

  /** Whether it is {@code server} with nothing but a configuration. */
  static boolean isMeant(String... arguments) {
    return switch (arguments.length) {
      case 1 -> arguments[0].equals("server");
      case 3 ->
          arguments[0].equals("server")
              && (arguments[1].equals("--config") || arguments[1].equals("-c"))
              && isPath(arguments[2]);
      default -> false;
    };
  }

  private static boolean isPath(String text) {
    try {
      var _ = Path.of(text);
      return !text.isEmpty() && !text.startsWith("-") && !text.startsWith("@");
    } catch (InvalidPathException _) {
      return false;
    }
  }

  /** Serves, and returns the exit code. */
  static int run(Surroundings surroundings, String... arguments) {
    var server = new ServerCommand();
    server.config.file = arguments.length == 1 ? null : Path.of(arguments[2]);
    return Kith.withoutParser(() -> server.serve(surroundings), surroundings);
  }
}
