package io.kith.server.operator;

import com.google.protobuf.Duration;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListDecisionsResponse;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;
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
      "  kith decisions --reason new_process --since 30m",
      "",
      "kith explain ID says more about one. The server remembers the last 10,000 denials and 1,000",
      "allows since it started. Where telemetry.otlp is set all denials are in the traces, and as",
      "many allows as telemetry.sampleAllows says.",
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
      names = "--reason",
      paramLabel = "REASON",
      description =
          "Only denials for this reason, as new_process; also what the next baseline would deny.")
  String reason = "";

  @Option(
      names = "--since",
      paramLabel = "TIME",
      description = "Only those of the last so long: 90s, 30m, 4h or 7d.")
  @Nullable String since;

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
    var request =
        ListDecisionsRequest.newBuilder()
            .setOwner(owner)
            .setDeniedOnly(denied)
            .setReason(reason)
            .setLimit(limit);
    if (since != null) {
      request.setSince(Duration.newBuilder().setSeconds(seconds(since)));
    }
    var decisions = admin.listDecisions(request.build());
    if (!decisions.hasLookedSince() && (since != null || !reason.isEmpty())) {
      throw Failure.refused(
          "this server is of an older version, which knows no --reason and no --since");
    }
    return decisions;
  }

  private static long seconds(String since) throws Failure {
    try {
      return Words.duration(since).toSeconds();
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--since: " + e.getMessage());
    }
  }

  @Override
  void print(ListDecisionsResponse decisions, PrintWriter out) {
    if (decisions.getDecisionsCount() == 0) {
      printNothing(decisions, out);
      printUnanswered(decisions, out);
      return;
    }
    var ofAll = owner.isEmpty();
    var table =
        ofAll
            ? new Table("TIME", "VERDICT", "REASON", "ID", "WORKLOAD", "PROCESS AND DESTINATION")
            : new Table("TIME", "VERDICT", "REASON", "ID", "PROCESS AND DESTINATION");
    for (var decision : decisions.getDecisionsList()) {
      var cells = new ArrayList<String>();
      cells.add(Words.time(decision.getTime()));
      cells.add(verdict(decision));
      cells.add(Words.orDash(decision.getReason()));
      cells.add(decision.getId());
      if (ofAll) {
        cells.add(Words.orDash(decision.getOwner()));
      }
      cells.add(
          (decision.getProcess().isEmpty() ? "(unknown)" : decision.getProcess())
              + " → "
              + Words.destination(decision.getDestination(), decision.getPort())
              + (decision.hasAcknowledged() ? " (acknowledged)" : ""));
      table.row(cells.toArray(String[]::new));
    }
    table.print(out);
    printUnanswered(decisions, out);
  }

  /** What was looked at, since nobody knows of what was forgotten. */
  private void printNothing(ListDecisionsResponse decisions, PrintWriter out) {
    out.println(
        "This server remembers no "
            + (denied || !reason.isEmpty() ? "denial" : "decision")
            + (owner.isEmpty() ? "" : " of " + Words.safe(owner))
            + (reason.isEmpty() ? "" : " with reason " + Words.safe(reason))
            + (decisions.hasLookedSince() ? " since " + Words.time(decisions.getLookedSince()) : "")
            + ".");
    var asked = decisions.getCheckServers() - decisions.getUnansweredCount();
    if (asked > 0) {
      out.println(
          asked == 1
              ? "Nor does the check server that follows it, as far back as that remembers."
              : "Nor do the "
                  + asked
                  + " check servers that follow it, as far back as each remembers.");
    }
    if (decisions.getMayBeOneOfSeveral()) {
      out.println(
          "If there are other servers on its store, ask them too (--server): each remembers its own"
              + " decisions.");
    }
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
