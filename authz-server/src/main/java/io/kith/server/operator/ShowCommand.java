package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListEdgesResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a workload talks to. */
@Command(
    name = "show",
    description = "What a workload talks to: process → destination, with state and reason.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith show shop/deployment/checkout",
      "  kith show --review                       what waits for a person, of all workloads",
    })
public final class ShowCommand extends AdminVerb<ListEdgesResponse> {
  @Parameters(
      arity = "0..1",
      paramLabel = "OWNER",
      description = "Workload: namespace/kind/name, as kith status lists it. Default: all.")
  String owner = "";

  @Option(
      names = "--review",
      description = "Only what waits for a person: approve, ack, quarantine or deny it.")
  boolean review;

  @Override
  ListEdgesResponse ask(AdminServiceBlockingStub admin) {
    return admin.listEdges(
        ListEdgesRequest.newBuilder().setOwner(owner).setReviewOnly(review).build());
  }

  @Override
  void print(ListEdgesResponse edges, PrintWriter out) {
    var of = owner.isEmpty() ? "any workload" : owner;
    if (edges.getEdgesCount() == 0) {
      out.println(
          review
              ? "Nothing of " + of + " waits for a person."
              : "Nothing was seen of " + of + " yet.");
      return;
    }
    if (owner.isEmpty()) {
      var separator = "";
      for (var one :
          edges.getEdgesList().stream().map(edge -> edge.getOwner()).distinct().toList()) {
        out.println(separator + one);
        Edges.print(
            edges.getEdgesList().stream().filter(edge -> edge.getOwner().equals(one)).toList(),
            out);
        separator = System.lineSeparator();
      }
    } else {
      Edges.print(edges.getEdgesList(), out);
    }
  }
}
