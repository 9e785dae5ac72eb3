package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.server.telemetry.SpanAttributes;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Why a decision was made, and the command that would allow it. */
@Command(
    name = "explain",
    description = {
      "Why a decision was made: what happened, the nearest edge and in what the flow differs from"
          + " it, since which rollout; and the one command that would allow it.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith explain d:0123456789abcdef",
      "",
      "The id is in kith decisions, in Envoy's access log, in the body of a denial and, where",
      "telemetry.otlp is set, in the trace.",
    })
public final class ExplainCommand extends AdminVerb<DecisionRecord> {
  private static final int LABEL = 14;

  /** As {@code mode_from} names an object: {@code Scope shop/kith (shop/*)}. */
  private static final Pattern SCOPE_OBJECT = Pattern.compile("Scope ([^/ ]+)/([^/ ]+) \\(.*");

  @Parameters(paramLabel = "DECISION-ID", description = "As d:0123456789abcdef.")
  String decisionId = "";

  @Override
  DecisionRecord ask(AdminServiceBlockingStub admin) throws Failure {
    var found =
        admin
            .listDecisions(ListDecisionsRequest.newBuilder().setId(decisionId).build())
            .getDecisionsList()
            .stream()
            .filter(decision -> decision.getId().equals(decisionId)) // an older server ignores it
            .findFirst();
    if (found.isEmpty()) {
      throw Failure.refused(
          "decision '"
              + Words.safe(decisionId)
              + "' is not remembered (with telemetry.otlp its trace has the attribute "
              + SpanAttributes.DECISION_ID.getKey()
              + ")");
    }
    return found.get();
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
    line(out, "why", why(decision));
    line(out, "nearest edge", decision.getNearestEdge());
    line(out, "differs in", decision.getDifference());
    line(out, "new image", decision.getSinceRollout());
    line(out, "mode", decision.getMode());
    line(out, "mode set by", decision.getModeFrom());
    line(out, "next", decision.getShadowVerdict());
    line(out, "baseline", decision.getRevision());
    line(out, "found by", foundBy(decision));
    line(out, "remarks", remarks(decision));
    line(out, "decided by", decision.getServer());
    line(out, "trace", decision.getTraceId());
    if (decision.hasAcknowledged()) {
      var seen = decision.getAcknowledged();
      line(
          out,
          "acknowledged",
          Words.time(seen.getAt()) + " by " + seen.getBy() + ": " + seen.getNote());
    }
    printRemedy(decision, out);
  }

  /** Without the nearest edge, which has a line of its own. */
  private static String why(DecisionRecord decision) {
    var nearest = "; nearest: " + decision.getNearestEdge();
    var why = decision.getExplanation();
    return why.endsWith(nearest) ? why.substring(0, why.length() - nearest.length()) : why;
  }

  private static void line(PrintWriter out, String name, String value) {
    if (value.isEmpty()) {
      return;
    }
    var label = name;
    for (var part : Words.wrap(Words.safe(value), 82)) {
      out.println("  %s %s".formatted(padded(label), part).stripTrailing());
      label = "";
    }
  }

  private static String padded(String label) {
    return label + " ".repeat(LABEL - label.length());
  }

  /** Without what the line above that says why has already. */
  private static String remarks(DecisionRecord decision) {
    return decision.getRemarksList().stream()
        .filter(remark -> !decision.getExplanation().contains(remark))
        .collect(Collectors.joining("; "));
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
    var remedy = remedy(decision);
    if (!remedy.isEmpty()) {
      out.println("No rule can allow this: " + remedy);
    } else if (decision.getCommand().isEmpty()) {
      out.println("No rule can allow this; the lines above say what to repair.");
    } else {
      out.println("To allow it, if it is right:");
      out.println("  " + Words.safe(decision.getCommand()) + serverOption());
      out.println("To say only that you saw it:");
      out.println(
          "  kith ack "
              + decision.getOwner()
              + " "
              + decision.getId()
              + " --note \"what it was\""
              + serverOption());
    }
  }

  /** The object that sets the mode, else that of the chart. */
  private static String passUnknown(DecisionRecord decision) {
    var object = SCOPE_OBJECT.matcher(decision.getModeFrom());
    var isNamed = object.matches();
    return "kubectl -n %s patch kscope %s --type merge -p '{\"spec\":{\"unattributed\":\"allow\"}}'"
        .formatted(
            Words.safe(isNamed ? object.group(1) : namespace(decision.getOwner())),
            Words.safe(isNamed ? object.group(2) : "kith"));
  }

  private static String namespace(String owner) {
    return owner.isEmpty() ? "NAMESPACE" : owner.split("/", 2)[0];
  }

  private static String remedy(DecisionRecord decision) {
    var server =
        decision.getServer().isEmpty()
            ? "the server that was asked"
            : "server " + Words.safe(decision.getServer());
    return switch (decision.getReason()) {
      case "identity_mismatch" -> "the process proved to be another workload.";
      case "name_mismatch" -> "the client named another destination than it connects to.";
      case "unattributed", "bridge_unavailable" ->
          "repair the node's identity bridge (kith status; kith doctor finds one that is missing"
              + " there: no-bridge).\n"
              + "To pass what is not known: unattributed: allow of the scope in kith.yaml, or of its"
              + " Scope object:\n"
              + "  "
              + passUnknown(decision)
              + "\n"
              + "which holds for all of that scope until it is taken back (the same with"
              + " \"unattributed\":null); kith mode OWNER observe opens one workload.";
      case "denied_by_hand", "quarantined" ->
          "a person denied it, which wins; kith rules names the rule, kith remove takes one by hand"
              + " back.";
      case "unknown_reporter" ->
          "add the proxy to server.reporters and workloads in kith.yaml. Where the cluster says who"
              + " is who: is it watched (kith status, kith_kubernetes_age_seconds), and is the"
              + " identity of its trust domain (server.kubernetes.trustDomain)?";
      case "malformed" -> "repair the proxy's ext_authz configuration.";
      case "overloaded" ->
          server
              + " had more Checks waiting for bridges than it keeps (kith_checks_waiting, by"
              + " kith_bridge_timeouts_total); repair bridges that are slow (kith status) or lower"
              + " server.bridgeTimeout, else add servers.";
      case "deadline" ->
          server
              + " did not answer within server.deadline (kith_check_duration_seconds says how long"
              + " its answers take, and part=\"bridge\" how much of that a bridge does); give it"
              + " more processors, or repair bridges that are slow (kith status).";
      case "internal" ->
          server
              + " failed (kith_checks_total{reason=\"internal\"} counts it); its log has the cause"
              + " beside \"check failed inside\". server.onFailure says what becomes of such Checks"
              + " under observe and shadow.";
      default -> "";
    };
  }
}
