package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.baselines.config.ConfigException;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Decisions as they are made. */
@Command(
    name = "tail",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Decisions as they are made, one line for each edge: a workload, its process, the destination,"
          + " the verdict and its reason. Until Ctrl-C.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith tail",
      "  kith tail --denied --owner shop/deployment/checkout",
      "  kith tail --every -o json | jq -c '[.time, .process, .destination, .verdict]'",
      "",
      "A server tells what it answers itself, and a control server what the check servers that",
      "follow it answer; of several on one store each is asked for its own.",
    })
public final class TailCommand implements Callable<Integer> {
  private static final int MOST = 1_000;

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Option(
      names = "--owner",
      paramLabel = "OWNER",
      description = "Only of this workload: namespace/kind/name.")
  String owner = "";

  @Option(names = "--denied", description = "Only denials.")
  boolean denied;

  @Option(names = "--every", description = "Every decision, also of edges that were shown.")
  boolean every;

  @Option(
      names = {"-n", "--last"},
      paramLabel = "N",
      description = "Begin with so many of the latest, 0 to 1000. Default: ${DEFAULT-VALUE}.")
  int last = 10;

  @Option(names = "--limit", paramLabel = "N", description = "End after so many lines.")
  int limit = Integer.MAX_VALUE;

  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    if (last < 0 || last > MOST) {
      throw Failure.usage("--last: " + last + " (expected: 0 to " + MOST + ")");
    }
    if (limit < 1) {
      throw Failure.usage("--limit: " + limit + " (expected: 1 or more)");
    }
    return server.ask(Surroundings.of(spec), admin -> follow(admin.withDeadline(null)));
  }

  private int follow(AdminServiceBlockingStub admin) throws Failure {
    var lines = 0;
    var messages =
        admin.tailDecisions(
            TailDecisionsRequest.newBuilder()
                .setOwner(owner)
                .setDeniedOnly(denied)
                .setEvery(every)
                .setLast(last)
                .build());
    while (messages.hasNext()) {
      var message = messages.next();
      if (message.getMissed() > 0) {
        spec.commandLine()
            .getErr()
            .printf(
                "kith: %,d decisions were made faster than they could be shown (the traces have"
                    + " all denials)%n",
                message.getMissed());
      }
      if (message.getUnansweredCount() > 0) {
        spec.commandLine()
            .getErr()
            .println(
                "kith: not heard, so their decisions are late or missing: "
                    + String.join(
                        ", ", message.getUnansweredList().stream().map(Words::safe).toList()));
      }
      if (message.getAllAnswer()) {
        spec.commandLine().getErr().println("kith: all check servers are heard again");
      }
      for (var decision : message.getDecisionsList()) {
        var out = spec.commandLine().getOut();
        output.printOneOfMany(out, decision, () -> print(decision, out));
        if (++lines == limit) {
          return 0;
        }
      }
    }
    throw Failure.unreachable("the server has stopped");
  }

  private void print(DecisionRecord decision, PrintWriter out) {
    var workload = decision.getOwner().isEmpty() ? "(nobody's)" : Words.safe(decision.getOwner());
    var process = decision.getProcess().isEmpty() ? "(unknown)" : Words.safe(decision.getProcess());
    out.printf(
        "%s  %-18s  %-19s  %s  %s%s → %s%n",
        Words.time(decision.getTime()),
        DecisionsCommand.verdict(decision),
        Words.orDash(decision.getReason()),
        decision.getId(),
        owner.isEmpty() ? workload + ": " : "",
        process,
        Words.destination(decision.getDestination(), decision.getPort()));
  }
}
