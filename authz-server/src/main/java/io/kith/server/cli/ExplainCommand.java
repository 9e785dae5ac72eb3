package io.kith.server.cli;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListDecisionsRequest;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Why a decision was made, and the command that would allow it. */
@Command(
    name = "explain",
    description = "Why a decision was made, and the one command that would allow it.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith explain d:0123456789abcdef",
      "",
      "The id is in kith decisions, in the trace, in Envoy's access log and in the body of a denial.",
    })
final class ExplainCommand extends AdminVerb<DecisionRecord> {
  private static final int MOST = 1_000;

  @Parameters(paramLabel = "DECISION-ID", description = "As d:0123456789abcdef.")
  String decisionId = "";

  @Override
  DecisionRecord ask(AdminServiceBlockingStub admin) throws Failure {
    for (var deniedOnly : new boolean[] {true, false}) {
      var found =
          admin
              .listDecisions(
                  ListDecisionsRequest.newBuilder()
                      .setDeniedOnly(deniedOnly)
                      .setLimit(MOST)
                      .build())
              .getDecisionsList()
              .stream()
              .filter(decision -> decision.getId().equals(decisionId))
              .findFirst();
      if (found.isPresent()) {
        return found.get();
      }
    }
    throw Failure.refused(
        "decision '"
            + Words.safe(decisionId)
            + "' is not among the latest 1,000 (its trace has the attribute kith.decision.id)");
  }

  @Override
  void print(DecisionRecord decision, PrintWriter out) {
    var reason = decision.getReason().isEmpty() ? "" : " (" + decision.getReason() + ")";
    out.println(
        decision.getId()
            + " at "
            + Words.time(decision.getTime())
            + ": "
            + decision.getVerdict()
            + reason);
    line(out, "process", decision.getProcess().isEmpty() ? "unknown" : decision.getProcess());
    line(out, "workload", decision.getOwner());
    line(out, "identity", decision.getSpiffeId());
    line(out, "destination", Words.destination(decision.getDestination(), decision.getPort()));
    line(out, "why", decision.getExplanation());
    line(out, "mode", decision.getMode());
    line(out, "next", decision.getShadowVerdict());
    line(out, "found by", foundBy(decision));
    line(out, "trace", decision.getTraceId());
    printRemedy(decision, out);
  }

  private static void line(PrintWriter out, String name, String value) {
    if (!value.isEmpty()) {
      out.println("  %-12s %s".formatted(name, Words.safe(value)));
    }
  }

  private static String foundBy(DecisionRecord decision) {
    if (decision.getRung().isEmpty()) {
      return "";
    }
    var quality = decision.getQuality().isEmpty() ? "" : ", " + decision.getQuality();
    return "rung " + decision.getRung() + quality;
  }

  private void printRemedy(DecisionRecord decision, PrintWriter out) {
    if (decision.getVerdict().equals("allow") && !decision.getShadowVerdict().equals("deny")) {
      return;
    }
    out.println();
    var remedy = remedy(decision.getReason());
    if (!remedy.isEmpty()) {
      out.println("No rule can allow this: " + remedy);
      return;
    }
    out.println("To allow it for four hours, if it is right:");
    out.println(
        "  kith allow "
            + decision.getOwner()
            + " "
            + decision.getId()
            + " --ttl 4h --note \"why it is right\""
            + serverOption());
  }

  private static String remedy(String reason) {
    return switch (reason) {
      case "identity_mismatch" -> "the process proved to be another workload.";
      case "name_mismatch" -> "the client named another destination than it connects to.";
      case "unattributed", "bridge_unavailable" ->
          "repair the node's identity bridge (kith status), or set unattributed: allow for the"
              + " scope in kith.yaml.";
      case "unknown_reporter" -> "add the proxy to server.reporters and workloads in kith.yaml.";
      case "malformed" -> "repair the proxy's ext_authz configuration.";
      case "overloaded", "deadline", "internal" -> "the server could not answer; see its log.";
      default -> "";
    };
  }
}
