package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.GetCoverageRequest;
import io.kith.admin.v1.GetCoverageResponse;
import io.kith.admin.v1.WorkloadCoverage;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** What learning still waits for. */
@Command(
    name = "coverage",
    description = {
      "How much of a workload's traffic learning knows, and what it still waits for.",
      "UNSEEN is the share of the traffic that is estimated to be on edges never seen, and the"
          + " most that learning ends with (learning.deficit).",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith coverage",
      "  kith coverage shop/deployment/checkout",
    })
public final class CoverageCommand extends AdminVerb<GetCoverageResponse> {
  @Parameters(
      arity = "0..1",
      paramLabel = "OWNER",
      description = "Workload: namespace/kind/name. Default: all.")
  String owner = "";

  @Override
  GetCoverageResponse ask(AdminServiceBlockingStub admin) {
    return admin.getCoverage(GetCoverageRequest.newBuilder().setOwner(owner).build());
  }

  @Override
  void print(GetCoverageResponse answer, PrintWriter out) {
    if (answer.getWorkloadsCount() == 0) {
      out.println("No workloads (name them under workloads: in kith.yaml).");
      return;
    }
    var table =
        new Table(
            "WORKLOAD", "SINCE", "BASELINE", "UNSEEN", "PODS", "APPROVED", "WAITING", "REVIEW");
    for (var workload : answer.getWorkloadsList()) {
      table.row(
          workload.getOwner(),
          workload.hasSince() ? Words.time(workload.getSince()) : "-",
          workload.getState(),
          percent(workload.getDeficit()) + " of " + percent(workload.getDeficitLimit()) + " %",
          Integer.toString(workload.getPodsStarted()),
          Integer.toString(workload.getApproved()),
          Integer.toString(workload.getCandidates() + workload.getObserved()),
          Integer.toString(workload.getReviewItems()));
    }
    table.print(out);
    answer.getWorkloadsList().forEach(workload -> details(workload, out));
  }

  private static void details(WorkloadCoverage workload, PrintWriter out) {
    for (var missing : workload.getWaitsForList()) {
      out.println("  " + workload.getOwner() + " waits for: " + Words.safe(missing));
    }
    if (workload.getState().equals("proposed") || workload.getState().equals("shadow")) {
      out.println(
          "  "
              + workload.getOwner()
              + ": "
              + workload.getRevision()
              + " is in "
              + workload.getState()
              + " by "
              + Words.safe(workload.getBy())
              + " and waits for a person: kith diff "
              + workload.getOwner());
    } else if (workload.getWaitsForCount() == 0
        && workload.getState().equals("learning")
        && workload.hasSince()) {
      out.println("  " + workload.getOwner() + " is complete: it is proposed within seconds");
    }
    if (workload.getReviewItems() > 0) {
      out.println(
          "  "
              + workload.getOwner()
              + ": "
              + Words.count(workload.getReviewItems(), "edge")
              + " for a person: kith show --review "
              + workload.getOwner());
    }
    if (workload.getQuarantined() > 0) {
      out.println(
          "  "
              + workload.getOwner()
              + ": "
              + Words.count(workload.getQuarantined(), "edge")
              + " never to be learned: kith show "
              + workload.getOwner());
    }
    if (workload.getDropped() > 0) {
      out.println(
          "  "
              + workload.getOwner()
              + ": "
              + Long.toUnsignedString(workload.getDropped())
              + " connections were of more than "
              + workload.getMaxEdges()
              + " edges and are only counted (learning.maxEdges)");
    }
    if (workload.getUnread() > 0) {
      out.println(
          "  "
              + workload.getOwner()
              + ": "
              + Long.toUnsignedString(workload.getUnread())
              + " connections were not learned from, because the server had too much to do");
    }
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f", share * 100);
  }
}
