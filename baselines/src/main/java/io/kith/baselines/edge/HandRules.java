package io.kith.baselines.edge;

import java.util.List;

/**
 * What people wrote for a workload.
 *
 * @param allowed beside the baseline
 * @param denied before the baseline and before what is allowed
 * @param quarantined the same, and kept from being learned
 */
public record HandRules(List<HandRule> allowed, List<HandRule> denied, List<HandRule> quarantined) {
  public static final HandRules NONE = new HandRules(List.of(), List.of());

  public HandRules {
    allowed = List.copyOf(allowed);
    denied = List.copyOf(denied);
    quarantined = List.copyOf(quarantined);
  }

  /** With nothing in quarantine. */
  public HandRules(List<HandRule> allowed, List<HandRule> denied) {
    this(allowed, denied, List.of());
  }
}
