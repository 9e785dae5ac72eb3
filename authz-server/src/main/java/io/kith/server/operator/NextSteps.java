package io.kith.server.operator;

import io.kith.admin.v1.Edge;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;

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

  /**
   * What is refused although it was seen, since only a person may let it in.
   *
   * @param items how many edges, or null when that is not known
   */
  static void review(@Nullable Integer items, String scope, String server, PrintWriter out) {
    if (items != null && items == 0) {
      return;
    }
    out.println(
        words(items)
            + ": "
            + (scope.endsWith("*") ? "kith coverage" : "kith show --review " + scope)
            + server);
  }

  private static String words(@Nullable Integer items) {
    if (items == null) {
      return "It was not counted how many edges wait for a person and are refused under enforce";
    }
    return Words.count(items, "edge")
        + (items == 1
            ? " waits for a person and is refused under enforce, unless a rule allows it"
            : " wait for a person and are refused under enforce, unless a rule allows them");
  }
}
