package io.kith.server.cli;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.FinishTestRunResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Learning, as far as a person steers it. */
@Command(
    name = "learn",
    description = "Steer learning.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "VERB",
    subcommands = LearnCommand.Finish.class)
final class LearnCommand {
  /** Ends learning. */
  @Command(
      name = "finish",
      description = {
        "Say that a test run is over: learning ends now and the baseline is proposed.",
        "Whatever carries a risk (programs outside the image, inline code, interactive sessions,"
            + " bare public addresses) is left out and listed with its reason.",
      },
      footerHeading = "%nExamples:%n",
      footer = {
        "  kith learn finish shop/deployment/checkout --note \"suite 4711 passed\"",
      })
  static final class Finish extends AdminVerb<FinishTestRunResponse> {
    @Parameters(paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
    String owner = "";

    @Option(
        names = "--note",
        required = true,
        paramLabel = "TEXT",
        description = "Who says so and why; kept in the audit record.")
    String note = "";

    @Override
    FinishTestRunResponse ask(AdminServiceBlockingStub admin) {
      return admin.finishTestRun(
          FinishTestRunRequest.newBuilder().setOwner(owner).setNote(note).build());
    }

    @Override
    void print(FinishTestRunResponse finished, PrintWriter out) {
      out.println("Baseline " + finished.getRevision() + " of " + owner + " is proposed.");
      out.println();
      EdgeTable.print(finished.getApprovedList(), out);
      if (finished.getLeftOutCount() > 0) {
        out.println();
        out.println("Left out:");
        EdgeTable.print(finished.getLeftOutList(), out);
      }
      out.println();
      out.println("To put it in force:");
      out.println("  kith mode " + owner + " enforce --note \"who reviewed it\"" + serverOption());
    }
  }
}
