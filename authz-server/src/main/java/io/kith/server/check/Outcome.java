package io.kith.server.check;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.process.Attribution.Attributed;
import org.jspecify.annotations.Nullable;

/**
 * What a Check comes to.
 *
 * @param flow null when it did not come so far
 * @param failure why Kith could not decide, or what is wrong with a request that comes in, or null
 * @param snapshot what the flow was decided by, or null
 */
record Outcome(
    Decision decision, @Nullable Flow flow, @Nullable Reason failure, @Nullable Snapshot snapshot) {
  /** Of what came to no flow. */
  Outcome(Decision decision, @Nullable Reason failure) {
    this(decision, null, failure, null);
  }

  static Outcome denied(Mode mode, Reason reason) {
    return new Outcome(new Decision(new Deny(null, reason), null, mode, null, null), reason);
  }

  /** Passes but under enforce; under shadow it is told that it would not. */
  static Outcome undecided(Mode mode, Reason reason) {
    return switch (mode) {
      case ENFORCE -> denied(mode, reason);
      case SHADOW ->
          new Outcome(
              new Decision(new Allow(null), new Deny(null, reason), mode, null, null), reason);
      case OBSERVE -> new Outcome(new Decision(new Allow(null), null, mode, null, null), reason);
    };
  }

  /** With one more name of its destination; null for none. */
  Outcome to(@Nullable Resolved destination, SharedFlows flows) {
    return destination == null || flow == null || destination.equals(flow.resolved())
        ? this
        : new Outcome(
            decision,
            flows.of(flow.spiffeId(), flow.attribution(), destination),
            failure,
            snapshot);
  }

  boolean isOfAKnownProcess() {
    return flow != null && flow.attribution() instanceof Attributed;
  }
}
