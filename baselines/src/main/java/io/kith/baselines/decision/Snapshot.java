package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
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
 */
public record Snapshot(
    Mode mode,
    boolean unattributedAllowed,
    Origin origin,
    @Nullable Rules enforced,
    @Nullable Rules proposed) {
  public Snapshot {
    requireNonNull(mode, "mode");
    requireNonNull(origin, "origin");
    if (mode == Mode.ENFORCE && enforced == null) {
      throw new IllegalArgumentException("mode: enforce (expected: a baseline to enforce first)");
    }
  }

  /** Of a workload whose code is that of its image. */
  public Snapshot(
      Mode mode, boolean unattributedAllowed, @Nullable Rules enforced, @Nullable Rules proposed) {
    this(mode, unattributedAllowed, Origin.IMAGE, enforced, proposed);
  }

  /** A workload about which nothing is known yet. */
  public static Snapshot observing() {
    return new Snapshot(Mode.OBSERVE, false, null, null);
  }

  /**
   * A baseline together with what people allowed.
   *
   * @param revision of the baseline
   */
  public record Rules(String revision, EdgeIndex edges) {
    public static Rules of(Baseline baseline, List<Edge> byHand) {
      return new Rules(baseline.revision(), EdgeIndex.of(baseline.edges(), byHand));
    }
  }
}
