package io.kith.server.rehearsal;

import io.kith.server.Main;
import io.kith.server.cli.Kith;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Map;

/**
 * What an operator does about a refusal, so that his verbs start fast too: the more so where he is
 * in a hurry.
 */
public final class RehearsedOperator {
  private RehearsedOperator() {}

  /** Takes the configuration of a server, a workload of its mesh and a refusal's decision ID. */
  public static void main(String[] arguments) throws Exception {
    var _ = Class.forName(Main.class.getName()); // as a verb begins
    run(Path.of(arguments[0]), arguments[1], arguments[2]);
    System.exit(0); // as a verb ends
  }

  /**
   * Goes through the verbs.
   *
   * @throws IllegalStateException when one of them fails
   */
  static void run(Path config, String owner, String decision) {
    verb(config, "status");
    verb(config, "decisions");
    verb(config, "show", owner);
    verb(config, "explain", decision);
    verb(config, "deny", owner, decision, "--note", "rehearsed");
    verb(config, "rules", owner);
  }

  private static void verb(Path config, String... words) {
    var out = new StringWriter();
    var printer = new PrintWriter(out, true);
    var here =
        new Surroundings(
            Map.of("KITH_CONFIG", config.toString()),
            Path.of("").toAbsolutePath(),
            "rehearsal",
            printer,
            printer);
    if (Kith.run(here, words) != 0) {
      throw new IllegalStateException(String.join(" ", words) + ": " + out);
    }
  }
}
