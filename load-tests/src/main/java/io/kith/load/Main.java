package io.kith.load;

import static java.util.Objects.requireNonNull;

import io.kith.load.bench.BridgeBenchCommand;
import io.kith.load.compare.BenchCommand;
import io.kith.load.demo.DemoCommand;
import io.kith.load.scale.ScaleCommand;
import io.kith.load.score.Scorer;
import io.kith.load.soak.SoakCommand;
import io.kith.load.tools.ToolsCommand;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Entry of the demo and of the benchmarks. */
@Command(
    name = "kith",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DemoCommand.class,
      Scorer.class,
      ToolsCommand.class,
      BenchCommand.class,
      Main.Bridge.class
    })
public final class Main {
  /** Carries what measures the bridge; the bridge itself is started by its own main. */
  @Command(
      name = "bridge",
      synopsisSubcommandLabel = "COMMAND",
      subcommands = {BridgeBenchCommand.class})
  static final class Bridge {}

  /** Speaks of socket options that nobody asked for; kept, as levels are forgotten otherwise. */
  private static final Logger NETTY = Logger.getLogger("io.grpc.netty.shaded");

  private Main() {}

  /** Runs one command; exit codes are documented in its help. */
  public static void main(String[] arguments) {
    NETTY.setLevel(Level.SEVERE);
    var line = new CommandLine(new Main());
    requireNonNull(line.getSubcommands().get("bench"), "bench")
        .addSubcommand(new ScaleCommand())
        .addSubcommand(new SoakCommand());
    line.setParameterExceptionHandler(
        (wrong, _) -> {
          System.err.println("kith: " + wrong.getMessage());
          System.err.println(
              "Try: " + wrong.getCommandLine().getCommandSpec().qualifiedName() + " --help");
          return 2;
        });
    System.exit(line.execute(arguments));
  }
}
