package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An answer with what only telemetry needs.
 *
 * @param failure why Kith could not decide, or what is wrong with a request that comes in, whether
 *     the answer was a denial or not; else null
 * @param facts what the Check said, or null when that was not read
 * @param snapshot what its flow was decided by, or null
 * @param parent the caller's place in a trace, or null when the answer has a trace of its own
 * @param started when the Check arrived
 * @param bridgeNanos time spent waiting for the bridge
 * @param totalNanos time from the Check to the answer
 */
public record Answered(
    CheckRecord record,
    @Nullable Reason failure,
    @Nullable CheckFacts facts,
    @Nullable Snapshot snapshot,
    @Nullable TraceParent parent,
    Instant started,
    long bridgeNanos,
    long totalNanos) {
  public Answered {
    requireNonNull(record, "record");
    requireNonNull(started, "started");
  }

  /** Why it was denied, or why it was let pass undecided; null for a plain allow. */
  public @Nullable Reason reason() {
    return record.decision().applied() instanceof Verdict.Deny(_, var reason) ? reason : failure;
  }
}
