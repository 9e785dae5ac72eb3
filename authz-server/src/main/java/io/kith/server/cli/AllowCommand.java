package io.kith.server.cli;

import com.google.protobuf.Duration;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.AllowResponse;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Allows what a decision refused. */
@Command(
    name = "allow",
    description = {
      "Allow the process and destination of a decision from now on.",
      "Code that is not from the image is allowed as this very binary and script.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith allow shop/deployment/checkout d:0123456789abcdef --ttl 4h --note \"CHG-1234\"",
      "",
      "kith explain ID prints this command for a decision.",
    })
final class AllowCommand extends AdminVerb<AllowResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(index = "1", paramLabel = "DECISION-ID", description = "As d:0123456789abcdef.")
  String decisionId = "";

  @Option(
      names = "--note",
      required = true,
      paramLabel = "TEXT",
      description = "Why it is right; kept in the rule and the audit record.")
  String note = "";

  @Option(
      names = "--ttl",
      paramLabel = "TIME",
      description = "How long: 90s, 30m, 4h or 7d. Default: for ever.")
  @Nullable String ttl;

  @Override
  AllowResponse ask(AdminServiceBlockingStub admin) throws Failure {
    var request = AllowRequest.newBuilder().setOwner(owner).setDecisionId(decisionId).setNote(note);
    if (ttl != null) {
      request.setTtl(Duration.newBuilder().setSeconds(seconds(ttl)));
    }
    return admin.allow(request.build());
  }

  private static long seconds(String ttl) throws Failure {
    try {
      return Words.duration(ttl).toSeconds();
    } catch (IllegalArgumentException e) {
      throw Failure.usage("--ttl: " + e.getMessage());
    }
  }

  @Override
  void print(AllowResponse response, PrintWriter out) {
    var edge = response.getEdge();
    out.println(
        "Allowed "
            + (edge.hasExpires() ? "until " + Words.time(edge.getExpires()) : "for ever")
            + ": "
            + Words.safe(edge.getProcess())
            + " → "
            + Words.destination(edge.getDestination(), edge.getPort())
            + " ("
            + edge.getId()
            + ")");
  }
}
