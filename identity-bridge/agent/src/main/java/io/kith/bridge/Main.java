package io.kith.bridge;

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
    System.exit(run(arguments));
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
