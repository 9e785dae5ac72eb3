package io.kith.server.cli;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Sets the mode of a scope. */
@Command(
    name = "mode",
    description = {
      "Set the mode of a scope. The most specific scope that covers a workload wins.",
      "enforce puts proposed baselines in force and is refused while a workload of the scope has"
          + " none.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith mode shop/deployment/checkout enforce --note \"reviewed by ada\"",
      "  kith mode \"shop/*\" observe --note \"incident 42\"",
    })
final class ModeCommand extends AdminVerb<SetModeResponse> {
  enum Mode {
    observe,
    shadow,
    enforce
  }

  @Parameters(
      index = "0",
      paramLabel = "SCOPE",
      description = "Workload (namespace/kind/name), namespace/* or * for the mesh.")
  String scope = "";

  @Parameters(index = "1", paramLabel = "MODE", description = "${COMPLETION-CANDIDATES}.")
  Mode mode = Mode.observe;

  @Option(
      names = "--note",
      required = true,
      paramLabel = "TEXT",
      description = "Why; kept in the audit record.")
  String note = "";

  @Override
  SetModeResponse ask(AdminServiceBlockingStub admin) {
    return admin.setMode(
        SetModeRequest.newBuilder().setScope(scope).setMode(mode.name()).setNote(note).build());
  }

  @Override
  void print(SetModeResponse response, PrintWriter out) {
    out.println("Mode of " + scope + ": " + mode + " (before: " + response.getPreviousMode() + ")");
  }
}
