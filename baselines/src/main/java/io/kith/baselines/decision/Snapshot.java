package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.process.Origin;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All that is needed to decide for one workload, compiled once and never changed.
 *
 * @param mode of the workload's egress
 * @param unattributedAllowed a rule lets flows pass whose process is not known
 * @param origin where the workload's code has to come from: image or host
 * @param enforced what decides under enforce; null before the first baseline
 * @param proposed what would decide next, or null
 * @param circumstances what is true now and is no part of a baseline
 */
public record Snapshot(
    Mode mode,
    boolean unattributedAllowed,
    Origin origin,
    @Nullable Rules enforced,
    @Nullable Rules proposed,
    Circumstances circumstances) {
  public Snapshot {
    requireNonNull(mode, "mode");
    requireNonNull(origin, "origin");
    requireNonNull(circumstances, "circumstances");
    if (mode == Mode.ENFORCE && enforced == null) {
      throw new IllegalArgumentException("mode: enforce (expected: a baseline to enforce first)");
    }
  }

  /** Of a workload whose code is that of its image. */
  public Snapshot(
      Mode mode, boolean unattributedAllowed, @Nullable Rules enforced, @Nullable Rules proposed) {
    this(mode, unattributedAllowed, Origin.IMAGE, enforced, proposed);
  }

  /** Of a workload whose code is that of its image, with what is true now. */
  public Snapshot(
      Mode mode,
      boolean unattributedAllowed,
      @Nullable Rules enforced,
      @Nullable Rules proposed,
      Circumstances circumstances) {
    this(mode, unattributedAllowed, Origin.IMAGE, enforced, proposed, circumstances);
  }

  /** With nothing that is true only now. */
  public Snapshot(
      Mode mode,
      boolean unattributedAllowed,
      Origin origin,
      @Nullable Rules enforced,
      @Nullable Rules proposed) {
    this(mode, unattributedAllowed, origin, enforced, proposed, Circumstances.NONE);
  }

  /** A workload about which nothing is known yet. */
  public static Snapshot observing() {
    return new Snapshot(Mode.OBSERVE, false, null, null);
  }

  /**
   * A baseline together with what people allowed and denied.
   *
   * @param revision of the baseline
   * @param denied asked before every edge; the first that covers a flow denies it
   * @param quarantined the same, with another reason
   */
  public record Rules(
      String revision, EdgeIndex edges, List<HandRule> denied, List<HandRule> quarantined) {
    public Rules {
      denied = List.copyOf(denied);
      quarantined = List.copyOf(quarantined);
    }

    public static Rules of(Baseline baseline, List<Edge> byHand) {
      return new Rules(
          baseline.revision(),
          EdgeIndex.of(baseline.edges(), byHand, List.of()),
          List.of(),
          List.of());
    }

    /** Allowed by hand, and the baseline, without what is denied by hand. */
    public static Rules of(Baseline baseline, List<Edge> byHand, HandRules rules) {
      return new Rules(
          baseline.revision(),
          EdgeIndex.of(baseline.edges(), byHand, rules.allowed()),
          rules.denied(),
          rules.quarantined());
    }
  }
}
