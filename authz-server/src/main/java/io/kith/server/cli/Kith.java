package io.kith.server.cli;

import io.grpc.StatusRuntimeException;
import io.kith.baselines.config.ConfigException;
import io.kith.server.replay.ReplayCommand;
import java.io.IOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** The command {@code kith} and what it does with mistakes. */
@Command(
    name = "kith",
    description =
        "Know every process that speaks for a workload, learn what it talks to, refuse the rest.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "VERB",
    subcommands = {
      StatusCommand.class,
      ShowCommand.class,
      DecisionsCommand.class,
      ExplainCommand.class,
      LearnCommand.class,
      ModeCommand.class,
      AllowCommand.class,
      ConfigCommand.class,
      ReplayCommand.class,
      ServerCommand.class,
      DevIdentityCommand.class,
    },
    commandListHeading = "%nVerbs:%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:refused, failed or not found",
      "2:wrong arguments",
      "3:no server answers"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith server --config kith.yaml                  start a server",
      "  kith status                                     what it is doing",
      "  kith show shop/deployment/checkout              what a workload talks to",
      "  kith learn finish shop/deployment/checkout --note \"suite 4711 passed\"",
      "  kith mode shop/deployment/checkout enforce --note \"reviewed by ada\"",
      "  kith decisions --denied                         what was refused, newest first",
      "  kith explain d:0123456789abcdef                 why, and how to allow it",
      "",
      "kith VERB --help explains a verb.",
    })
public final class Kith {
  static final int REFUSED = 1;
  static final int USAGE = 2;
  static final int UNREACHABLE = 3;

  /* Strongly held, as the logging framework forgets the settings of loggers that nobody holds. */
  private static final Logger NETTY = Logger.getLogger("io.grpc.netty.shaded.io.netty.bootstrap");

  private final Surroundings surroundings;

  Kith(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  Surroundings surroundings() {
    return surroundings;
  }

  /** Runs a command line and returns its exit code. Never throws. */
  public static int run(Surroundings surroundings, String... arguments) {
    // It warns that a Unix socket has no keep-alive, which is so.
    NETTY.setLevel(Level.SEVERE);
    return commandLine(surroundings).execute(arguments);
  }

  static CommandLine commandLine(Surroundings surroundings) {
    return new CommandLine(new Kith(surroundings))
        .setOut(surroundings.out())
        .setErr(surroundings.err())
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler(Kith::wrongArguments)
        .setExecutionExceptionHandler(Kith::failed);
  }

  private static int wrongArguments(ParameterException e, String[] arguments) {
    var command = e.getCommandLine();
    command.getErr().println("kith: " + e.getMessage());
    command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
    return USAGE;
  }

  private static int failed(
      Exception failure, CommandLine command, CommandLine.ParseResult arguments) {
    var err = command.getErr();
    return switch (failure) {
      case Failure expected -> {
        err.println("kith: " + expected.getMessage());
        yield expected.exitCode();
      }
      case ConfigException wrong -> {
        wrong.problems().forEach(problem -> err.println("kith: " + problem));
        yield REFUSED;
      }
      case StatusRuntimeException refused -> {
        var description = refused.getStatus().getDescription();
        err.println(
            "kith: "
                + (description == null
                    ? "the server answered " + refused.getStatus().getCode()
                    : Words.safe(description)));
        yield REFUSED;
      }
      case IOException io -> {
        err.println("kith: " + (io.getMessage() == null ? io.toString() : io.getMessage()));
        yield REFUSED;
      }
      default -> {
        err.println(
            "kith: failed unexpectedly: "
                + failure
                + " (this is a mistake of Kith; please report)");
        yield REFUSED;
      }
    };
  }
}
