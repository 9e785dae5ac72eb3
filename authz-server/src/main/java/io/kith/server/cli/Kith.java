package io.kith.server.cli;

import io.grpc.StatusRuntimeException;
import io.kith.baselines.config.ConfigException;
import io.kith.server.doctor.DoctorCommand;
import io.kith.server.files.BundleCommand;
import io.kith.server.files.KeysCommand;
import io.kith.server.istio.IstioCommand;
import io.kith.server.operator.AckCommand;
import io.kith.server.operator.AllowCommand;
import io.kith.server.operator.ApproveCommand;
import io.kith.server.operator.AuditCommand;
import io.kith.server.operator.CoverageCommand;
import io.kith.server.operator.DecisionsCommand;
import io.kith.server.operator.DenyCommand;
import io.kith.server.operator.DiffCommand;
import io.kith.server.operator.ExplainCommand;
import io.kith.server.operator.ExportCommand;
import io.kith.server.operator.LearnCommand;
import io.kith.server.operator.LintCommand;
import io.kith.server.operator.ModeCommand;
import io.kith.server.operator.PromoteCommand;
import io.kith.server.operator.ProposeCommand;
import io.kith.server.operator.QuarantineCommand;
import io.kith.server.operator.RejectCommand;
import io.kith.server.operator.RelearnCommand;
import io.kith.server.operator.RemoveCommand;
import io.kith.server.operator.RevisionsCommand;
import io.kith.server.operator.RollbackCommand;
import io.kith.server.operator.RulesCommand;
import io.kith.server.operator.ShowCommand;
import io.kith.server.operator.SignCommand;
import io.kith.server.operator.StatusCommand;
import io.kith.server.operator.TailCommand;
import io.kith.server.replay.ReplayCommand;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParameterException;

/** The command {@code kith} and what it does with mistakes. */
@Command(
    name = "kith",
    description =
        "Know every process that speaks for a workload, learn what it talks to, refuse the rest.",
    mixinStandardHelpOptions = true,
    versionProvider = VersionWords.class,
    synopsisSubcommandLabel = "VERB",
    subcommands = {
      StatusCommand.class,
      CoverageCommand.class,
      ShowCommand.class,
      RevisionsCommand.class,
      DiffCommand.class,
      DecisionsCommand.class,
      TailCommand.class,
      ExplainCommand.class,
      LearnCommand.class,
      ProposeCommand.class,
      ApproveCommand.class,
      SignCommand.class,
      RejectCommand.class,
      AckCommand.class,
      ModeCommand.class,
      RollbackCommand.class,
      AllowCommand.class,
      DenyCommand.class,
      QuarantineCommand.class,
      RelearnCommand.class,
      RulesCommand.class,
      RemoveCommand.class,
      LintCommand.class,
      PromoteCommand.class,
      ExportCommand.class,
      AuditCommand.class,
      BundleCommand.class,
      KeysCommand.class,
      ReplayCommand.class,
      IstioCommand.class,
      DoctorCommand.class,
      ConfigCommand.class,
      ServerCommand.class,
      DevIdentityCommand.class,
    },
    commandListHeading = "%nVerbs:%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:refused, failed or not found",
      "2:wrong arguments",
      "3:no server answers",
      "4:done, and there is something to look at: findings of lint and doctor, differences of diff"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith server --config kith.yaml                  start a server",
      "  kith status                                     what it is doing",
      "  kith show shop/deployment/checkout              what a workload talks to",
      "  kith learn finish shop/deployment/checkout --note \"suite 4711 passed\"",
      "  kith mode shop/deployment/checkout enforce --note \"reviewed by ada\"",
      "  kith decisions --denied                         what was refused, newest first",
      "  kith tail                                       the same as it happens",
      "  kith explain d:0123456789abcdef                 why, and how to allow it",
      "",
      "kith VERB --help explains a verb.",
    })
public final class Kith implements Surroundings.Holder {
  /* Strongly held, as the logging framework forgets the settings of loggers that nobody holds. */
  private static final Logger NETTY = Logger.getLogger("io.grpc.netty.shaded.io.netty.bootstrap");

  private final Surroundings surroundings;

  Kith(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  @Override
  public Surroundings surroundings() {
    return surroundings;
  }

  /** Runs a command line and returns its exit code. Never throws. */
  public static int run(Surroundings surroundings, String... arguments) {
    // It warns that a Unix socket has no keep-alive, which is so.
    NETTY.setLevel(Level.SEVERE);
    return PlainServer.isMeant(arguments)
        ? PlainServer.run(surroundings, arguments)
        : commandLine(surroundings).execute(arguments);
  }

  static CommandLine commandLine(Surroundings surroundings) {
    var line = new CommandLine(new Kith(surroundings));
    teachExitCodes(line, line.getCommandSpec().usageMessage());
    return line.setOut(surroundings.out())
        .setErr(surroundings.err())
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler(Kith::wrongArguments)
        .setExecutionExceptionHandler(Kith::failed);
  }

  /** Every verb's help ends with them. */
  private static void teachExitCodes(CommandLine line, UsageMessageSpec root) {
    for (var verb : line.getSubcommands().values()) {
      var usage = verb.getCommandSpec().usageMessage();
      if (usage.exitCodeList().isEmpty()) {
        usage.exitCodeListHeading(root.exitCodeListHeading());
        usage.exitCodeList(root.exitCodeList());
      }
      teachExitCodes(verb, root);
    }
  }

  private static int wrongArguments(ParameterException e, String[] arguments) {
    var command = e.getCommandLine();
    command.getErr().println("kith: " + e.getMessage());
    command.getErr().println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
    return Failure.USAGE;
  }

  private static int failed(
      Exception failure, CommandLine command, CommandLine.ParseResult arguments) {
    return failed(failure, command.getErr());
  }

  /** Says what failed, and returns the exit code. */
  static int failed(Exception failure, PrintWriter err) {
    return switch (failure) {
      case Failure expected -> {
        err.println("kith: " + expected.getMessage());
        yield expected.exitCode();
      }
      case ConfigException wrong -> {
        wrong.problems().forEach(problem -> err.println("kith: " + problem));
        yield Failure.REFUSED;
      }
      case StatusRuntimeException refused -> {
        var description = refused.getStatus().getDescription();
        err.println(
            "kith: "
                + (description == null
                    ? "the server answered " + refused.getStatus().getCode()
                    : Words.safe(description)));
        yield Failure.REFUSED;
      }
      case IOException io -> {
        err.println("kith: " + (io.getMessage() == null ? io.toString() : io.getMessage()));
        yield Failure.REFUSED;
      }
      default -> {
        err.println(
            "kith: failed unexpectedly: "
                + failure
                + " (this is a mistake of Kith; please report)");
        yield Failure.REFUSED;
      }
    };
  }
}
