package io.kith.server.control;

import io.kith.server.check.CheckRecord;
import java.util.List;

/**
 * The end of the log of decisions.
 *
 * @param decisions oldest first
 * @param missed decisions of that stretch that are forgotten, of any workload, or were too many
 * @param next where the log goes on, from 1
 */
public record DecisionTail(List<CheckRecord> decisions, long missed, long next) {
  public DecisionTail {
    decisions = List.copyOf(decisions);
  }
}
