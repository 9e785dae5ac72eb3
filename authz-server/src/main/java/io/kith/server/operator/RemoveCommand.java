package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.RemoveRuleResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Takes a rule by hand back. */
@Command(
    name = "remove",
    description = {
      "Take back a rule that was made by hand: by allow, deny or quarantine. Rules of allow-list"
          + " files are changed in their files.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith remove shop/deployment/checkout e:0123456789ab --note \"in the baseline by now\"",
    })
public final class RemoveCommand extends AdminVerb<RemoveRuleResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(index = "1", paramLabel = "RULE-ID", description = "As e:…, of kith rules.")
  String id = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  RemoveRuleResponse ask(AdminServiceBlockingStub admin) {
    return admin.removeRule(
        RemoveRuleRequest.newBuilder().setOwner(owner).setId(id).setNote(note.text).build());
  }

  @Override
  void print(RemoveRuleResponse done, PrintWriter out) {
    out.println("Removed: " + done.getRule().getAction() + " " + Rules.words(done.getRule()));
  }
}
