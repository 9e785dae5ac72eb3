package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.RelearnRequest;
import io.kith.admin.v1.RelearnResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Forgets what was learned. */
@Command(
    name = "relearn",
    description = {
      "Forget what was learned of a workload, or of one of its processes, on every server, and begin"
          + " anew. What is enforced stays in force.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith relearn shop/deployment/checkout --note \"learned during the incident\"",
      "  kith relearn shop/deployment/checkout --edge e:0123456789ab --note \"renamed\"",
    })
public final class RelearnCommand extends AdminVerb<RelearnResponse> {
  @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Option(
      names = "--edge",
      paramLabel = "ID",
      description = "Only the process of this edge (e:…, kith show).")
  String edgeId = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  RelearnResponse ask(AdminServiceBlockingStub admin) {
    return admin.relearn(
        RelearnRequest.newBuilder().setOwner(owner).setEdgeId(edgeId).setNote(note.text).build());
  }

  @Override
  void print(RelearnResponse done, PrintWriter out) {
    out.println(
        "Forgotten: what was learned of "
            + (edgeId.isEmpty() ? owner : "the process of " + edgeId + " in " + owner)
            + ". What is enforced stays.");
  }
}
