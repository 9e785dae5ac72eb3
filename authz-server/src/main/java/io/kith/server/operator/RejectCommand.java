package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.RejectRequest;
import io.kith.admin.v1.RejectResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Ends the life of a revision that is not enforced. */
@Command(
    name = "reject",
    description = {
      "End the life of a baseline that is not enforced. What was learned stays; what is enforced is"
          + " left by kith rollback.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith reject shop/deployment/checkout --note \"learned during the incident\"",
    })
public final class RejectCommand extends AdminVerb<RejectResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "REVISION",
      description = "As bl:…, proposed or shadow. Default: the newest that waits.")
  String revision = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  RejectResponse ask(AdminServiceBlockingStub admin) {
    return admin.reject(
        RejectRequest.newBuilder()
            .setOwner(owner)
            .setRevision(revision)
            .setNote(note.text)
            .build());
  }

  @Override
  void print(RejectResponse rejected, PrintWriter out) {
    out.println("Rejected: " + rejected.getRevision() + " of " + owner + ".");
  }
}
