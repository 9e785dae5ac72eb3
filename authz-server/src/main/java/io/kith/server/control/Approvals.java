package io.kith.server.control;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.Provenance;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where workloads may go by what people approved, whichever process it is for: the baselines in
 * force, and rules.
 *
 * @param lasting until somebody says otherwise
 * @param ending what ends by itself, by when; may be over
 * @param denied also by quarantine; those that ended as well
 */
public record Approvals(
    Set<DestinationPattern> lasting,
    Map<DestinationPattern, Instant> ending,
    Set<HandRule> denied) {
  public static final Approvals NONE = new Approvals(Set.of(), Map.of(), Set.of());

  public Approvals {
    lasting = Set.copyOf(lasting);
    ending = Map.copyOf(ending);
    denied = Set.copyOf(denied);
  }

  /**
   * Of one workload.
   *
   * @param enforced null before the first baseline is in force
   * @param allowed by hand
   */
  static Approvals of(@Nullable Baseline enforced, List<Edge> allowed, HandRules rules) {
    var all = new Union();
    if (enforced != null) {
      enforced.edges().forEach(edge -> all.add(edge.destination(), edge.provenance()));
    }
    allowed.forEach(edge -> all.add(edge.destination(), edge.provenance()));
    rules.allowed().forEach(rule -> all.add(rule.destination(), rule.provenance()));
    all.denied.addAll(rules.denied());
    all.denied.addAll(rules.quarantined());
    return all.made();
  }

  /** Of several workloads. */
  static final class Union {
    private final Set<DestinationPattern> lasting = new HashSet<>();
    private final Map<DestinationPattern, Instant> ending = new HashMap<>();
    private final Set<HandRule> denied = new HashSet<>();

    void add(Approvals more) {
      lasting.addAll(more.lasting);
      more.ending.forEach(this::ends);
      denied.addAll(more.denied);
    }

    private void add(DestinationPattern destination, Provenance provenance) {
      var until = provenance.until();
      if (until == null) {
        lasting.add(destination);
      } else {
        ends(destination, until);
      }
    }

    private void ends(DestinationPattern destination, Instant until) {
      ending.merge(destination, until, (one, other) -> one.isAfter(other) ? one : other);
    }

    Approvals made() {
      return new Approvals(lasting, ending, denied);
    }
  }
}
