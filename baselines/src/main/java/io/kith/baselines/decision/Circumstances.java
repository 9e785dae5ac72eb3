package io.kith.baselines.decision;

import java.time.Instant;
import java.util.Map;
import java.util.Set;

/**
 * What is true of a workload now and is no part of its baseline.
 *
 * @param rollouts image digests that are new, with the end of their grace
 * @param ports dynamic ports by the id of the edge that covers them; an edge that is missing here
 *     admits its whole range
 */
public record Circumstances(Map<String, Instant> rollouts, Map<String, Ports> ports) {
  /** Nothing special. */
  public static final Circumstances NONE = new Circumstances(Map.of(), Map.of());

  public Circumstances {
    rollouts = Map.copyOf(rollouts);
    ports = Map.copyOf(ports);
  }

  /**
   * The dynamic ports of a destination.
   *
   * @param known ports that were used
   * @param openings instances of the destination that started and whose port was not seen yet
   */
  public record Ports(Set<Integer> known, int openings) {
    public Ports {
      known = Set.copyOf(known);
    }

    boolean admits(int port) {
      return openings > 0 || known.contains(port);
    }
  }
}
