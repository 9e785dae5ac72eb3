package io.kith.server.operator;

import io.kith.admin.v1.Edge;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.List;

/** The commands that go on from here. */
final class NextSteps {
  private NextSteps() {}

  static void afterProposal(
      String owner, String revision, List<Edge> toApprove, String server, PrintWriter out) {
    out.println();
    if (!toApprove.isEmpty()) {
      out.println(
          Words.count(toApprove.size(), "edge")
              + (toApprove.size() == 1 ? " needs" : " need")
              + " an approver before this may be enforced, since the mesh ends there:");
      Edges.list(toApprove, out);
      out.println(
          "  kith approve " + owner + " " + revision + " --note \"who reviewed it\"" + server);
      out.println();
    }
    out.println("To put it in force:");
    out.println(
        "  kith mode "
            + owner
            + " enforce --revision "
            + revision
            + " --note \"who reviewed it\""
            + server);
  }
}
