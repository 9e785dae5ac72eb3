package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ProposeRequest;
import io.kith.admin.v1.ProposeResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Proposes what is learned by now. */
@Command(
    name = "propose",
    description = {
      "Propose what is learned by now as the workload's next baseline, by the learner's ordinary"
          + " rules. kith learn finish also approves what was seen once, as a test run does.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith propose shop/deployment/checkout --note \"a week in production\"",
    })
public final class ProposeCommand extends AdminVerb<ProposeResponse> {
  @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  ProposeResponse ask(AdminServiceBlockingStub admin) {
    return admin.propose(ProposeRequest.newBuilder().setOwner(owner).setNote(note.text).build());
  }

  @Override
  void print(ProposeResponse proposed, PrintWriter out) {
    out.println("Baseline " + proposed.getRevision() + " of " + owner + " is proposed.");
    out.println();
    if (proposed.getApprovedCount() == 0) {
      out.println("It has no edge that was seen: enforced, it denies what the workload does.");
    } else {
      Edges.print(proposed.getApprovedList(), out);
    }
    if (proposed.getLeftOutCount() > 0) {
      out.println();
      out.println("Left out:");
      Edges.print(proposed.getLeftOutList(), out);
    }
    NextSteps.afterProposal(
        owner, proposed.getRevision(), proposed.getToApproveList(), serverOption(), out);
    NextSteps.review(
        proposed.hasReviewItems() ? proposed.getReviewItems() : null, owner, serverOption(), out);
  }
}
