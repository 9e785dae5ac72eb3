package io.kith.bridge;

import java.security.Security;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Entry of the node agent. */
@Command(
    name = "kith",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {BridgeCommand.class})
public final class Main {
  /** Speaks of socket options that nobody asked for; kept, as levels are forgotten otherwise. */
  private static final Logger NETTY = Logger.getLogger("io.grpc.netty.shaded");

  private Main() {}

  /** Runs one command; exit codes are documented in its help. */
  public static void main(String[] arguments) {
    NETTY.setLevel(Level.SEVERE);
    askForNamesAnew();
    System.exit(run(arguments));
  }

  /**
   * A server's name leads to another address when its pod is made anew. The JVM would go on with
   * the old one for 30 s, and with none for 10 s; gRPC has a cache of its own.
   */
  private static void askForNamesAnew() {
    Security.setProperty("networkaddress.cache.ttl", "1");
    Security.setProperty("networkaddress.cache.negative.ttl", "1");
    System.setProperty("networkaddress.cache.ttl", "1");
  }

  static int run(String... arguments) {
    return new CommandLine(new Main())
        .setExecutionExceptionHandler(
            (e, command, _) -> {
              command.getErr().println("kith bridge: " + e.getMessage());
              return 1;
            })
        .execute(arguments);
  }
}
