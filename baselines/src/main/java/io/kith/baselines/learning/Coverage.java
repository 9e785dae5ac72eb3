package io.kith.baselines.learning;

import java.util.Collection;

/**
 * How much of a workload's traffic is still unseen, estimated from how rarely its edges were seen.
 *
 * <p>Counted in replica-hours, since connections come in bursts and are not independent. With m
 * units, U incidences, Q1 edges seen in one unit and Q2 in two, the share of what is unseen is
 * (Q1/U)·[(m−1)Q1 / ((m−1)Q1 + 2·Q2)]. Source: Chao &amp; Jost, <i>Ecology</i> 2012.
 */
final class Coverage {
  private Coverage() {}

  /**
   * The share of the traffic that is on edges never seen.
   *
   * @param units replica-hours with traffic
   * @param perEdge for each edge the replica-hours that showed it
   * @return 0 to 1; 0 when there is no edge
   */
  static double deficit(double units, Collection<Double> perEdge) {
    var incidences = 0.0;
    var once = 0;
    var twice = 0;
    for (var count : perEdge) {
      incidences += count;
      if (count == 1) {
        once++;
      } else if (count == 2) {
        twice++;
      }
    }
    if (once == 0) {
      return 0;
    }
    var weighed = Math.max(1, units - 1) * once;
    return once / incidences * (weighed / (weighed + 2 * twice));
  }
}
