package io.kith.server.check;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.identity.Workload;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * What the check path needs of the control side.
 *
 * <p>The methods are called for every Check, from any thread, and none blocks or throws.
 */
public interface Policy {
  /**
   * What to decide by for a workload now; null, as hardly ever, while there is nothing. Asked once
   * for each decision: what another call finds may be of another moment.
   */
  default @Nullable Snapshot ready(Workload workload) {
    return snapshot(workload);
  }

  /** What is {@link #ready}; until there is, one that has the mode and nothing to decide by. */
  Snapshot snapshot(Workload workload);

  /** What a workload asks of the requests that come in to it. */
  Inbound inbound(Workload callee);

  /**
   * What has to be waited for until a workload is {@link #ready}; null when it is by now.
   *
   * @return ends exceptionally when there will be none now; a later call tries again
   */
  default @Nullable CompletionStage<?> coming(Workload workload) {
    return null;
  }

  /** What there has to be before this server gets Checks, in words; empty when nothing lacks. */
  default String notReady() {
    return "";
  }

  /** Where it is remembered what sidecars' filters do while the server cannot be asked. */
  Sidecars sidecars();

  /** Where it is remembered what the bridges of nodes say of themselves. */
  NodeBridges nodeBridges();

  /**
   * Takes note of an answer before it is sent, and once more of one whose process became known
   * {@link CheckRecord#late}; full queues drop detail and count it.
   */
  void record(CheckRecord answered);
}
