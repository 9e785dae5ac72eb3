package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An answer that was given to a Check.
 *
 * @param decisionId {@code d:} and 16 hex digits, unique
 * @param traceId 32 hex digits of the trace that has the span
 * @param reporter TLS peer of the Check, or null when it had none that could be read
 * @param workload null when the reporter is nobody's workload
 * @param replica address of the pod that the connection came from; empty when not known
 * @param flow null when the Check was refused before there was one
 * @param repeated the same connection was answered before (a retry, or a request on it): counts as
 *     a check, not as another connection
 */
public record CheckRecord(
    String decisionId,
    String traceId,
    Instant time,
    @Nullable SpiffeId reporter,
    @Nullable Workload workload,
    String replica,
    @Nullable Flow flow,
    Decision decision,
    boolean repeated) {
  public CheckRecord {
    requireNonNull(decisionId, "decisionId");
    requireNonNull(traceId, "traceId");
    requireNonNull(time, "time");
    requireNonNull(replica, "replica");
    requireNonNull(decision, "decision");
  }
}
