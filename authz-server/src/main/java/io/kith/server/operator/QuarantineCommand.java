package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.QuarantineRequest;
import io.kith.admin.v1.QuarantineResponse;
import io.kith.server.verb.Failure;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Denies, and keeps from being learned. */
@Command(
    name = "quarantine",
    description = {
      "Deny an edge, or everything of its process, and keep it from being learned until the rule is"
          + " removed. For what was learned and should not have been.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith quarantine shop/deployment/checkout e:0123456789ab --note \"incident 42\"",
      "  kith quarantine shop/deployment/checkout e:0123456789ab --process --note \"miner\"",
    })
public final class QuarantineCommand extends AdminVerb<QuarantineResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(index = "1", paramLabel = "EDGE-ID", description = "As e:…, of kith show.")
  String edgeId = "";

  @Option(names = "--process", description = "All destinations of the edge's process.")
  boolean process;

  @Mixin TtlOption ttl = new TtlOption();

  @Mixin NoteOption note = new NoteOption();

  @Override
  QuarantineResponse ask(AdminServiceBlockingStub admin) throws Failure {
    var request =
        QuarantineRequest.newBuilder()
            .setOwner(owner)
            .setEdgeId(edgeId)
            .setWholeProcess(process)
            .setNote(note.text);
    var time = ttl.duration();
    if (time != null) {
      request.setTtl(time);
    }
    return admin.quarantine(request.build());
  }

  @Override
  void print(QuarantineResponse response, PrintWriter out) {
    out.println("Quarantined: " + Rules.words(response.getRule()));
    out.println("To take it back:");
    out.println("  " + Rules.undo(owner, response.getRule(), serverOption()));
  }
}
