package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.admin.v1.ListRulesResponse;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** What people allow and deny. */
@Command(
    name = "rules",
    description = {
      "Rules that people made: by hand (allow, deny, quarantine) and in allow-list files, with when"
          + " a flow last needed each.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith rules shop/deployment/checkout",
      "",
      "kith remove takes a rule by hand back; kith lint says which should not stay.",
    })
public final class RulesCommand extends AdminVerb<ListRulesResponse> {
  @Parameters(
      arity = "0..1",
      paramLabel = "OWNER",
      description = "Workload: namespace/kind/name. Default: all.")
  String owner = "";

  @Override
  ListRulesResponse ask(AdminServiceBlockingStub admin) {
    return admin.listRules(ListRulesRequest.newBuilder().setOwner(owner).build());
  }

  @Override
  void print(ListRulesResponse answer, PrintWriter out) {
    if (answer.getRulesCount() == 0) {
      out.println("No rules by hand and none in allow-lists.");
      return;
    }
    var table = new Table("ACTION", "WORKLOAD", "LAST NEEDED", "ID", "RULE");
    for (var rule : answer.getRulesList()) {
      table.row(
          rule.getAction(),
          rule.getOwner(),
          rule.hasLastUsed() ? Words.time(rule.getLastUsed()) : "-",
          rule.getId(),
          rule.getProcess()
              + " → "
              + rule.getDestination()
              + (rule.hasUntil() ? ", until " + Words.time(rule.getUntil()) : "")
              + ": "
              + rule.getNote()
              + " ("
              + rule.getBy()
              + ", "
              + rule.getWhere()
              + ")");
    }
    table.print(out);
  }
}
