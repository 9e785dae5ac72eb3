package io.kith.server.check;

import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.identity.Workload;

/**
 * What the check path needs of the control side.
 *
 * <p>Both methods are called for every Check, from any thread, and neither blocks or throws.
 */
public interface Policy {
  /** What to decide by for a workload now. */
  Snapshot snapshot(Workload workload);

  /**
   * Takes note of an answer before it is sent, and once more of one whose process became known
   * {@link CheckRecord#late}; full queues drop detail and count it.
   */
  void record(CheckRecord answered);
}
