package io.kith.server.cli;

import io.grpc.StatusRuntimeException;
import io.kith.baselines.config.ConfigException;
import io.kith.server.operator.PlainDeny;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
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
    if (PlainServer.isMeant(arguments)) {
      return PlainServer.run(surroundings, arguments);
    }
    var deny = PlainDeny.parse(arguments);
    return deny == null
        ? commandLine(surroundings, Verb.calledBy(arguments)).execute(arguments)
        : withoutParser(() -> deny.call(surroundings), surroundings);
  }

  /** The exit code of a verb that needs no parser. */
  static int withoutParser(Callable<Integer> verb, Surroundings surroundings) {
    try {
      return verb.call();
    } catch (Exception e) {
      return failed(e, surroundings.err());
    }
  }

  /** With all verbs. */
  static CommandLine commandLine(Surroundings surroundings) {
    return commandLine(surroundings, Verb.ALL);
  }

  private static CommandLine commandLine(Surroundings surroundings, List<Verb> verbs) {
    var line = new CommandLine(new Kith(surroundings));
    verbs.forEach(verb -> line.addSubcommand(verb.name(), verb.command()));
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
  private static int failed(Exception failure, PrintWriter err) {
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
