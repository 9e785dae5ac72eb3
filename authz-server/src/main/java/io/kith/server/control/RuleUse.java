package io.kith.server.control;

import io.kith.baselines.decision.Reason.DeniedByHand;
import io.kith.baselines.decision.Reason.Quarantined;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.edge.Provenance;
import io.kith.server.check.CheckRecord;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * When rules that people wrote were last needed, as far as this server saw. Thread-safe.
 *
 * <p>Bounded: there are few rules, and a name that is one too many is not remembered.
 */
final class RuleUse {
  private static final int MAX = 65_536;

  private final Map<String, Instant> last = new ConcurrentHashMap<>();
  private final Map<String, Instant> made = new ConcurrentHashMap<>();

  /** Takes note of the rule that decided, if one did. */
  void note(CheckRecord answered) {
    var rule =
        switch (answered.decision().applied()) {
          case Verdict.Allow(var edge) ->
              edge != null && edge.provenance() instanceof Provenance.ByHand ? edge.id() : null;
          case Verdict.Deny(_, DeniedByHand(var words)) -> words;
          case Verdict.Deny(_, Quarantined(var words)) -> words;
          case Verdict.Deny _ -> null;
        };
    if (rule != null) {
      note(rule, answered.time(), last);
    }
  }

  /** Takes note of a rule by hand that was made: until it is used, its age counts. */
  void noteNew(Amendment amendment, Instant at) {
    switch (amendment) {
      case Amendment.Allow(_, var edge, _) -> note(edge.id(), at, made);
      case Amendment.Deny(_, var edge) -> note(edge.id(), at, made);
      case Amendment.Quarantine(_, var edge) -> note(edge.id(), at, made);
      case Amendment.Reopen(_, _, var edge) -> note(edge.id(), at, made);
      case Amendment.SetMode _,
          Amendment.InheritMode _,
          Amendment.Declare _,
          Amendment.WriteList _,
          Amendment.Propose _,
          Amendment.Approve _,
          Amendment.Reject _,
          Amendment.Rollback _,
          Amendment.Remove _,
          Amendment.Ack _,
          Amendment.Relearn _,
          Amendment.Import _ -> {}
    }
  }

  private static void note(String rule, Instant at, Map<String, Instant> into) {
    if (into.size() < MAX || into.containsKey(rule)) {
      into.merge(rule, at, (one, other) -> one.isAfter(other) ? one : other);
    }
  }

  /** When a rule by hand was last needed, or was made, or null for one that is not by hand. */
  @Nullable Instant sinceOf(String id, String words) {
    var used = of(id, words);
    return used == null ? made.get(id) : used;
  }

  /**
   * When a rule was last needed, or null.
   *
   * @param words as the reason of a denial gives them
   */
  @Nullable Instant of(String id, String words) {
    var byId = last.get(id);
    return byId == null ? last.get(words) : byId;
  }
}
