package io.kith.server.cli;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListEdgesResponse;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** What a workload talks to. */
@Command(
    name = "show",
    description = "What a workload talks to: process → destination, with state and reason.",
    footerHeading = "%nExamples:%n",
    footer = {"  kith show shop/deployment/checkout"})
final class ShowCommand extends AdminVerb<ListEdgesResponse> {
  @Parameters(
      paramLabel = "OWNER",
      description = "Workload: namespace/kind/name, as kith status lists it.")
  String owner = "";

  @Override
  ListEdgesResponse ask(AdminServiceBlockingStub admin) {
    return admin.listEdges(ListEdgesRequest.newBuilder().setOwner(owner).build());
  }

  @Override
  void print(ListEdgesResponse edges, PrintWriter out) {
    if (edges.getEdgesCount() == 0) {
      out.println("Nothing was seen of " + owner + " yet.");
    } else {
      EdgeTable.print(edges.getEdgesList(), out);
    }
  }
}
