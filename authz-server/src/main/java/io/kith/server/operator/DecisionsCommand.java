package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListDecisionsResponse;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The latest decisions. */
@Command(
    name = "decisions",
    description = "The latest decisions, newest first.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith decisions --denied",
      "  kith decisions --owner shop/deployment/checkout --limit 20",
      "",
      "kith explain ID says more about one. The server remembers the last 10,000 denials and 1,000",
      "allows; all of them are in the traces.",
    })
public final class DecisionsCommand extends AdminVerb<ListDecisionsResponse> {
  @Option(
      names = "--owner",
      paramLabel = "OWNER",
      description = "Only of this workload: namespace/kind/name.")
  String owner = "";

  @Option(names = "--denied", description = "Only denials.")
  boolean denied;

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "At most so many, 1 to 1000. Default: ${DEFAULT-VALUE}.")
  int limit = 100;

  @Override
  ListDecisionsResponse ask(AdminServiceBlockingStub admin) throws Failure {
    if (limit < 1 || limit > 1_000) {
      throw Failure.usage("--limit: " + limit + " (expected: 1 to 1000)");
    }
    return admin.listDecisions(
        ListDecisionsRequest.newBuilder()
            .setOwner(owner)
            .setDeniedOnly(denied)
            .setLimit(limit)
            .build());
  }

  @Override
  void print(ListDecisionsResponse decisions, PrintWriter out) {
    if (decisions.getDecisionsCount() == 0) {
      out.println(denied ? "Nothing was denied." : "No decisions yet.");
      printUnanswered(decisions, out);
      return;
    }
    var table = new Table("TIME", "VERDICT", "REASON", "ID", "PROCESS AND DESTINATION");
    for (var decision : decisions.getDecisionsList()) {
      table.row(
          Words.time(decision.getTime()),
          verdict(decision),
          Words.orDash(decision.getReason()),
          decision.getId(),
          (decision.getProcess().isEmpty() ? "(unknown)" : decision.getProcess())
              + " → "
              + Words.destination(decision.getDestination(), decision.getPort())
              + (decision.hasAcknowledged() ? " (acknowledged)" : ""));
    }
    table.print(out);
    printUnanswered(decisions, out);
  }

  private static void printUnanswered(ListDecisionsResponse decisions, PrintWriter out) {
    if (decisions.getUnansweredCount() > 0) {
      out.println();
      out.println(
          "Without those of check servers that did not answer: "
              + Words.safe(String.join(", ", decisions.getUnansweredList())));
    }
  }

  static String verdict(DecisionRecord decision) {
    return decision.getVerdict().equals("allow") && decision.getShadowVerdict().equals("deny")
        ? "allow (next: deny)"
        : decision.getVerdict();
  }
}
