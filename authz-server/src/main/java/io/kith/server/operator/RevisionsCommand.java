package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ListRevisionsRequest;
import io.kith.admin.v1.ListRevisionsResponse;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** The life of a workload's baseline. */
@Command(
    name = "revisions",
    description = {
      "The revisions of a workload's baseline, newest first: draft, proposed, shadow, enforced,"
          + " superseded; since when, by whom and why.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith revisions shop/deployment/checkout",
    })
public final class RevisionsCommand extends AdminVerb<ListRevisionsResponse> {
  @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Override
  ListRevisionsResponse ask(AdminServiceBlockingStub admin) {
    return admin.listRevisions(ListRevisionsRequest.newBuilder().setOwner(owner).build());
  }

  @Override
  void print(ListRevisionsResponse answer, PrintWriter out) {
    if (answer.getRevisionsCount() == 0) {
      out.println(
          "No revision yet (kith coverage " + owner + " says what learning still waits for).");
      return;
    }
    var table = new Table("REVISION", "STATE", "EDGES", "SINCE", "BY AND WHY");
    for (var revision : answer.getRevisionsList()) {
      table.row(
          revision.getRevision(),
          revision.getState(),
          Integer.toString(revision.getEdges()),
          Words.time(revision.getSince()),
          revision.getBy() + ": " + revision.getWhy());
    }
    table.print(out);
    for (var revision : answer.getRevisionsList()) {
      if (!revision.getProblem().isEmpty()) {
        out.println("  " + revision.getRevision() + ": " + Words.safe(revision.getProblem()));
      }
    }
  }
}
