package io.kith.baselines.edge;

import java.util.List;

/**
 * What people wrote for a workload.
 *
 * @param allowed beside the baseline
 * @param denied before the baseline and before what is allowed
 */
public record HandRules(List<HandRule> allowed, List<HandRule> denied) {
  public static final HandRules NONE = new HandRules(List.of(), List.of());

  public HandRules {
    allowed = List.copyOf(allowed);
    denied = List.copyOf(denied);
  }
}
