package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.FinishTestRunResponse;
import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Ends learning. */
@Command(
    name = "finish",
    description = {
      "Say that a test run is over: learning ends now and the baseline is proposed.",
      "Whatever carries a risk (programs outside the image, inline code, interactive sessions,"
          + " bare public addresses, external names that nobody vouches for) is left out and listed"
          + " with its reason.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith learn finish shop/deployment/checkout --note \"suite 4711 passed\"",
    })
final class LearnFinishCommand extends AdminVerb<FinishTestRunResponse> {
  @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  FinishTestRunResponse ask(AdminServiceBlockingStub admin) {
    return admin.finishTestRun(
        FinishTestRunRequest.newBuilder().setOwner(owner).setNote(note.text).build());
  }

  @Override
  void print(FinishTestRunResponse finished, PrintWriter out) {
    out.println("Baseline " + finished.getRevision() + " of " + owner + " is proposed.");
    out.println();
    Edges.print(finished.getApprovedList(), out);
    if (finished.getLeftOutCount() > 0) {
      out.println();
      out.println("Left out:");
      Edges.print(finished.getLeftOutList(), out);
    }
    var toApprove =
        finished.getApprovedList().stream().filter(edge -> edge.getNeedsApprover()).toList();
    NextSteps.afterProposal(
        owner, finished.getRevision(), List.copyOf(toApprove), serverOption(), out);
    NextSteps.review(
        finished.hasReviewItems() ? finished.getReviewItems() : null, owner, serverOption(), out);
  }
}
