package io.kith.server.check;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.identity.Workload;

/**
 * What the check path needs of the control side.
 *
 * <p>Its methods are called for Checks, from any thread, and none blocks or throws.
 */
public interface Policy {
  /** What to decide by for a workload now. */
  Snapshot snapshot(Workload workload);

  /** What a workload asks of the requests that come in to it. */
  Inbound inbound(Workload callee);

  /**
   * Takes note of an answer before it is sent, and once more of one whose process became known
   * {@link CheckRecord#late}; full queues drop detail and count it.
   */
  void record(CheckRecord answered);
}
