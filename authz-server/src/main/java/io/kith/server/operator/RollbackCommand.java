package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.RollbackRequest;
import io.kith.admin.v1.RollbackResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Back to what was enforced before. */
@Command(
    name = "rollback",
    description = {
      "Enforce the baseline before the enforced one again, in one step. What waits to follow the"
          + " enforced one is superseded.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith rollback shop/deployment/checkout --note \"checkout cannot reach the bank\"",
    })
public final class RollbackCommand extends AdminVerb<RollbackResponse> {
  @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  RollbackResponse ask(AdminServiceBlockingStub admin) {
    return admin.rollback(RollbackRequest.newBuilder().setOwner(owner).setNote(note.text).build());
  }

  @Override
  void print(RollbackResponse done, PrintWriter out) {
    out.println(
        "Enforced again: " + done.getTo() + " of " + owner + " (left: " + done.getFrom() + ")");
    out.println("To see what that takes back:");
    out.println(
        "  kith diff " + owner + " " + done.getFrom() + " " + done.getTo() + serverOption());
  }
}
