package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.edge.HandRule;

/**
 * One rule of an allow-list.
 *
 * @param where file, line and column where it begins
 * @param destination the same as the rule's, as it was written
 */
public record AllowRule(Action action, String where, Written destination, HandRule rule) {
  /** What a rule does. */
  public enum Action {
    /** Flows may pass. */
    ALLOW,
    /** Flows may not pass, whatever else allows them. */
    DENY
  }

  public AllowRule {
    requireNonNull(action, "action");
    requireNonNull(where, "where");
    requireNonNull(destination, "destination");
    requireNonNull(rule, "rule");
  }

  /** For people: {@code allow /usr/bin/curl → api.example.com:443}. */
  public String words() {
    return (action == Action.ALLOW ? "allow " : "deny ")
        + rule.process().words()
        + " → "
        + destination.words();
  }
}
