package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Candidate;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An answer that was given to a Check.
 *
 * @param decisionId {@code d:} and 16 hex digits, unique
 * @param traceId 32 hex digits of the trace that has the span
 * @param reporter TLS peer of the Check, or null when it had none that could be read
 * @param workload null when the reporter is nobody's workload
 * @param replica address of the pod that the connection came from, or null when not known
 * @param flow null when the Check was refused before there was one
 * @param repeated the process of the same connection was known before (this is a retry, or a
 *     request on it): counts as a check, not as another connection
 * @param routine one more allow like those a moment ago on the same connection: counts as a check,
 *     and its details are those of the others
 * @param late the process became known only after the answer, which stays as it was given
 */
public record CheckRecord(
    String decisionId,
    String traceId,
    Instant time,
    @Nullable SpiffeId reporter,
    @Nullable Workload workload,
    @Nullable IpAddress replica,
    @Nullable Flow flow,
    Decision decision,
    boolean repeated,
    boolean routine,
    boolean late) {
  public CheckRecord {
    requireNonNull(decisionId, "decisionId");
    requireNonNull(traceId, "traceId");
    requireNonNull(time, "time");
    requireNonNull(decision, "decision");
  }

  /** Of an answer when it is given, with what is new in it. */
  public CheckRecord(
      String decisionId,
      String traceId,
      Instant time,
      @Nullable SpiffeId reporter,
      @Nullable Workload workload,
      @Nullable IpAddress replica,
      @Nullable Flow flow,
      Decision decision,
      boolean repeated) {
    this(
        decisionId,
        traceId,
        time,
        reporter,
        workload,
        replica,
        flow,
        decision,
        repeated,
        false,
        false);
  }

  /** The same answer with the process that was not known when it was given. */
  public CheckRecord late(Flow known, @Nullable Candidate subject) {
    return new CheckRecord(
        decisionId,
        traceId,
        time,
        reporter,
        workload,
        replica,
        known,
        new Decision(
            decision.applied(), decision.shadow(), decision.mode(), decision.revision(), subject),
        false,
        false,
        true);
  }
}
