package io.kith.server.control;

import io.kith.baselines.decision.Reason.DeniedByHand;
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

  /** Takes note of the rule that decided, if one did. */
  void note(CheckRecord answered) {
    var rule =
        switch (answered.decision().applied()) {
          case Verdict.Allow(var edge) ->
              edge != null && edge.provenance() instanceof Provenance.ByHand ? edge.id() : null;
          case Verdict.Deny(_, var reason) ->
              reason instanceof DeniedByHand(var words) ? words : null;
        };
    if (rule != null && (last.size() < MAX || last.containsKey(rule))) {
      last.merge(rule, answered.time(), (one, other) -> one.isAfter(other) ? one : other);
    }
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
