package io.kith.server.operator;

import io.kith.admin.v1.Rule;
import io.kith.server.verb.Words;

/** Rules by hand, for people. */
final class Rules {
  private Rules() {}

  /** What it says, until when, and its id. */
  static String words(Rule rule) {
    return Words.safe(rule.getProcess())
        + " → "
        + Words.safe(rule.getDestination())
        + (rule.hasUntil() ? ", until " + Words.time(rule.getUntil()) : "")
        + " ("
        + rule.getId()
        + ")";
  }

  /** The command that takes it back. */
  static String undo(String owner, Rule rule, String server) {
    return "kith remove " + owner + " " + rule.getId() + " --note \"why\"" + server;
  }
}
