package io.kith.server.operator;

import io.kith.admin.v1.Edge;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.List;

/** Edges for people: process → destination. */
final class Edges {
  private Edges() {}

  static void print(List<Edge> edges, PrintWriter out) {
    var table = new Table("PROCESS", "  DESTINATION", "STATE", "CONNECTIONS", "ID", "WHY");
    for (var edge : edges) {
      table.row(
          edge.getProcess(),
          "→ " + Words.destination(edge.getDestination(), edge.getPort()),
          edge.getState(),
          edge.getProvenance().equals("learned")
              ? Long.toUnsignedString(edge.getConnections())
              : "-",
          edge.getId(),
          why(edge));
    }
    table.print(out);
  }

  /** One line for each, indented. */
  static void list(List<Edge> edges, PrintWriter out) {
    edges.forEach(edge -> out.println("  " + words(edge) + "  " + edge.getId()));
  }

  static String words(Edge edge) {
    return Words.safe(edge.getProcess())
        + " → "
        + Words.destination(edge.getDestination(), edge.getPort());
  }

  private static String why(Edge edge) {
    var why = edge.getWhy();
    if (!edge.getProvenance().equals("learned")) {
      var until = edge.hasExpires() ? ", until " + Words.time(edge.getExpires()) : "";
      why = edge.getProvenance() + until + ": " + why;
    }
    if (edge.hasAcknowledged()) {
      why += " (acknowledged by " + edge.getAcknowledged().getBy() + ")";
    }
    return why;
  }
}
