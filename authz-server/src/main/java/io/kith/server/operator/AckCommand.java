package io.kith.server.operator;

import io.kith.admin.v1.AckRequest;
import io.kith.admin.v1.AckResponse;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Says that something was seen. */
@Command(
    name = "ack",
    description = {
      "Say that a denial or an edge for review was seen. It leaves the list; nothing is allowed or"
          + " denied by it.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith ack shop/deployment/checkout e:0123456789ab --note \"ada's test of Tuesday\"",
      "  kith ack shop/deployment/checkout d:0123456789abcdef --note \"incident 42\"",
    })
public final class AckCommand extends AdminVerb<AckResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(index = "1", paramLabel = "ID", description = "Of an edge (e:…) or decision (d:…).")
  String id = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  AckResponse ask(AdminServiceBlockingStub admin) {
    return admin.ack(AckRequest.newBuilder().setOwner(owner).setId(id).setNote(note.text).build());
  }

  @Override
  void print(AckResponse done, PrintWriter out) {
    out.println("Acknowledged: " + id + " of " + owner + ". Nothing is allowed or denied by it.");
  }
}
