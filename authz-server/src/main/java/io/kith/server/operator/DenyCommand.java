package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.DenyResponse;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Denies by hand. */
@Command(
    name = "deny",
    description = {
      "Deny the process and destination of an edge or decision, whatever else allows them.",
      "Learning goes on; kith quarantine also keeps it from being learned.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith deny shop/deployment/checkout e:0123456789ab --note \"old export, SHOP-99\"",
      "  kith deny shop/deployment/checkout d:0123456789abcdef --ttl 7d --note \"incident 42\"",
    })
public final class DenyCommand extends AdminVerb<DenyResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(
      index = "1",
      paramLabel = "ID",
      description = "Of an edge (e:…, kith show) or of a decision (d:…, kith decisions).")
  String id = "";

  @Mixin NoteOption note = new NoteOption();
  @Mixin TtlOption ttl = new TtlOption();

  @Override
  DenyResponse ask(AdminServiceBlockingStub admin) throws Failure {
    var request = DenyRequest.newBuilder().setOwner(owner).setNote(note.text);
    if (id.startsWith("e:")) {
      request.setEdgeId(id);
    } else if (id.startsWith("d:")) {
      request.setDecisionId(id);
    } else {
      throw Failure.usage("ID: '" + Words.safe(id) + "' (expected: e:… or d:…)");
    }
    var length = ttl.duration();
    if (length != null) {
      request.setTtl(length);
    }
    return admin.deny(request.build());
  }

  @Override
  void print(DenyResponse response, PrintWriter out) {
    out.println("Denied: " + Rules.words(response.getRule()));
    out.println("To take it back:");
    out.println("  " + Rules.undo(owner, response.getRule(), serverOption()));
  }
}
