package io.kith.server.control;

import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;

/** Denials by hand, which the log has as edges, as the rules that the decider asks. */
final class RuleByHand {
  private RuleByHand() {}

  /**
   * The rule that covers what the edge covers, whatever the ancestors: what is denied must not come
   * back by another shell before it.
   *
   * @throws IllegalArgumentException when the edge is not by hand
   */
  static HandRule of(Edge edge) {
    if (!(edge.provenance() instanceof Provenance.ByHand byHand)) {
      throw new IllegalArgumentException(
          edge.id() + " is " + edge.provenance().words() + " (expected: by hand)");
    }
    var process = edge.process();
    var script = process.script();
    return new HandRule(
        edge.id(),
        new ProcessPattern(
            process.path(),
            process.program(),
            script == null ? new ScriptPattern.None() : new ScriptPattern.This(script),
            null),
        edge.destination(),
        edge.strictness(),
        edge.sha256(),
        edge.scriptSha256(),
        byHand);
  }
}
