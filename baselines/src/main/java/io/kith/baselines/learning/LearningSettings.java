package io.kith.baselines.learning;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What an edge needs to be learned, and when learning ends.
 *
 * @param replicas how many replicas must show an edge, where there are that many
 * @param fraction share of the incarnations alive since it was first seen that must show it, 0 to 1
 * @param hours for a single replica: distinct hours in which it must be seen
 * @param span for a single replica: time between its first and last sight
 * @param window learning lasts exactly this long, whatever was seen; null for the coverage rule
 * @param minimum learning lasts at least this long
 * @param maximum after this a baseline is proposed with its backlog
 * @param deficit share of the traffic that may still be unseen, estimated, 0 to 1
 * @param quiet time without a new edge before learning ends
 * @param quietFraction the same as a share of the time learned, 0 to 1; the longer one counts
 * @param jobRuns runs of a job before its learning ends
 * @param external who may let an external name in
 * @param upgradeGrace how long after a rollout known processes may reach new services of the mesh
 * @param stale running time without a sight after which an edge is stale; twice that removes it
 * @param maxEdges edges remembered per workload; more are counted and dropped
 */
public record LearningSettings(
    int replicas,
    double fraction,
    int hours,
    Duration span,
    @Nullable Duration window,
    Duration minimum,
    Duration maximum,
    double deficit,
    Duration quiet,
    double quietFraction,
    int jobRuns,
    External external,
    Duration upgradeGrace,
    Duration stale,
    int maxEdges) {
  /** Who may let an external name in. */
  public enum External {
    /** A voucher or a reviewer. */
    VOUCH,
    /** Support alone: for workloads that nobody attends. */
    AUTO
  }

  public LearningSettings {
    requireNonNull(span, "span");
    requireNonNull(minimum, "minimum");
    requireNonNull(maximum, "maximum");
    requireNonNull(quiet, "quiet");
    requireNonNull(external, "external");
    requireNonNull(upgradeGrace, "upgradeGrace");
    requireNonNull(stale, "stale");
  }

  /** With the defaults of what is not given. */
  public LearningSettings(
      int replicas,
      double fraction,
      int hours,
      Duration span,
      Duration minimum,
      Duration maximum,
      int maxEdges) {
    this(
        replicas,
        fraction,
        hours,
        span,
        null,
        minimum,
        maximum,
        0.005,
        Duration.ofHours(24),
        0.25,
        3,
        External.VOUCH,
        Duration.ofHours(24),
        Duration.ofDays(30),
        maxEdges);
  }

  public static LearningSettings defaults() {
    return new LearningSettings(
        2, 0.25, 3, Duration.ofHours(6), Duration.ofHours(24), Duration.ofDays(14), 4_096);
  }

  /** These settings with a fixed window and support alone for external names. */
  public LearningSettings unattended(Duration length) {
    return new LearningSettings(
        replicas,
        fraction,
        hours,
        span,
        length,
        minimum,
        maximum,
        deficit,
        quiet,
        quietFraction,
        jobRuns,
        External.AUTO,
        upgradeGrace,
        stale,
        maxEdges);
  }

  /** Edges remembered of one process class, so that a scan by one leaves room for the others. */
  int maxEdgesPerClass() {
    return Math.max(64, maxEdges / 8);
  }
}
