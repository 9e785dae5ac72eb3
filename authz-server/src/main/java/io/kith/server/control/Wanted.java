package io.kith.server.control;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.identity.Owner;
import io.kith.server.check.CheckRecord;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which decisions somebody asks for.
 *
 * @param owner null for every workload and for what is nobody's
 * @param reason code of a denial's reason, also of what the next baseline would deny; null for all
 *     decisions
 * @param since null: from whenever they are remembered
 */
public record Wanted(
    @Nullable Owner owner, boolean deniedOnly, @Nullable String reason, @Nullable Instant since) {
  private static final List<String> REASONS =
      List.of(
          "bad_provenance",
          "bridge_unavailable",
          "deadline",
          "denied_by_hand",
          "expired",
          "hash_changed",
          "identity_mismatch",
          "injected_code",
          "internal",
          "interpreter_inline",
          "lineage_mismatch",
          "malformed",
          "name_mismatch",
          "new_destination",
          "new_process",
          "no_baseline",
          "origin_not_in_image",
          "overloaded",
          "quarantined",
          "unattributed",
          "unknown_reporter",
          "unmediated");

  public Wanted {
    if (reason != null && !REASONS.contains(reason)) {
      throw new IllegalArgumentException(
          "reason: '" + reason + "' (expected: one of " + String.join(", ", REASONS) + ")");
    }
  }

  /** Of any reason and time. */
  public Wanted(@Nullable Owner owner, boolean deniedOnly) {
    this(owner, deniedOnly, null, null);
  }

  boolean includes(CheckRecord answered) {
    var workload = answered.workload();
    return includes(workload == null ? null : workload.owner(), answered.decision())
        && includes(answered.time());
  }

  /** As far as when it was says. */
  boolean includes(Instant time) {
    return since == null || !time.isBefore(since);
  }

  /** But for when it was. */
  boolean includes(@Nullable Owner whose, Decision decision) {
    return (owner == null || owner.equals(whose))
        && (!deniedOnly || decision.applied() instanceof Deny)
        && (reason == null || reason.equals(reasonOf(decision)));
  }

  private static @Nullable String reasonOf(Decision decision) {
    if (decision.applied() instanceof Deny(_, var why)) {
      return why.code();
    }
    return decision.shadow() instanceof Deny(_, var why) ? why.code() : null;
  }
}
