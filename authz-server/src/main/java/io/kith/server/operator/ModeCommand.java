package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Sets the mode of a scope. */
@Command(
    name = "mode",
    description = {
      "Set the mode of a scope. The most specific scope that covers a workload wins.",
      "enforce puts proposed baselines in force and is refused while a workload of the scope has"
          + " none.",
      "inherit takes back what kith mode said of the scope: its mode is that of a Scope of the"
          + " cluster, of kith.yaml or of the scope around it again. It puts no proposed baseline"
          + " in force, and is refused while a workload would enter enforce without one in force.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith mode shop/deployment/checkout enforce --note \"reviewed by ada\"",
      "  kith mode shop/deployment/checkout observe --note \"incident 42\"",
      "  kith mode shop/deployment/checkout inherit --note \"incident 42 is over\"",
    })
public final class ModeCommand extends AdminVerb<SetModeResponse> {
  enum Mode {
    observe,
    shadow,
    enforce,
    inherit
  }

  @Parameters(
      index = "0",
      paramLabel = "SCOPE",
      description = "Workload (namespace/kind/name), namespace/* or * for the mesh.")
  String scope = "";

  @Parameters(index = "1", paramLabel = "MODE", description = "${COMPLETION-CANDIDATES}.")
  Mode mode = Mode.observe;

  @Option(
      names = "--revision",
      paramLabel = "REVISION",
      description =
          "Of one workload: the revision (bl:…) that you looked at. Refused when another waits."
              + " Default: whichever waits.")
  String revision = "";

  @Mixin NoteOption note = new NoteOption();

  @Override
  SetModeResponse ask(AdminServiceBlockingStub admin) {
    return admin.setMode(
        SetModeRequest.newBuilder()
            .setScope(scope)
            .setMode(mode.name())
            .setRevision(revision)
            .setNote(note.text)
            .build());
  }

  @Override
  void print(SetModeResponse response, PrintWriter out) {
    out.println(
        "Mode of "
            + scope
            + ": "
            + (mode == Mode.inherit
                ? response.getMode() + ", set by " + response.getModeFrom()
                : mode)
            + " (before: "
            + response.getPreviousMode()
            + ")");
    if (mode == Mode.inherit && response.getMode().equals(Mode.enforce.name())) {
      out.println(
          "What was proposed meanwhile is not in force, and refused where only that has it: kith"
              + " status says \"proposed\", kith mode OWNER enforce puts it in force.");
    }
    if (!response.getDrains().isEmpty()) {
      out.println(response.getDrains());
    }
    NextSteps.review(
        response.hasReviewItems() ? response.getReviewItems() : null, scope, serverOption(), out);
  }
}
