package io.kith.server.cli;

import io.kith.admin.v1.Edge;
import java.io.PrintWriter;
import java.util.List;

/** Edges as a table: process → destination. */
final class EdgeTable {
  private EdgeTable() {}

  static void print(List<Edge> edges, PrintWriter out) {
    var table = new Table("PROCESS", "  DESTINATION", "STATE", "CONNECTIONS", "WHY");
    for (var edge : edges) {
      table.row(
          edge.getProcess(),
          "→ " + Words.destination(edge.getDestination(), edge.getPort()),
          edge.getState(),
          edge.getProvenance().equals("learned")
              ? Long.toUnsignedString(edge.getConnections())
              : "-",
          why(edge));
    }
    table.print(out);
  }

  private static String why(Edge edge) {
    if (edge.getProvenance().equals("learned")) {
      return edge.getWhy();
    }
    var until = edge.hasExpires() ? ", until " + Words.time(edge.getExpires()) : "";
    return edge.getProvenance() + until + ": " + edge.getWhy();
  }
}
