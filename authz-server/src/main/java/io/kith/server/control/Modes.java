package io.kith.server.control;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The modes that are asked for, by scope; the most specific scope that covers a workload wins.
 *
 * @param modes by scope
 * @param unattributedAllowed by scope: whether flows of unknown processes may pass
 * @param inbound by scope: what is asked of requests that come in
 */
record Modes(
    Map<ScopeName, Mode> modes,
    Map<ScopeName, Boolean> unattributedAllowed,
    Map<ScopeName, Inbound> inbound) {
  Modes {
    inbound = Map.copyOf(inbound);
    modes = Map.copyOf(modes);
    unattributedAllowed = Map.copyOf(unattributedAllowed);
  }

  /** As configured; of two entries for one scope, the later counts. */
  static Modes of(List<ScopeEntry> entries) {
    var modes = new HashMap<ScopeName, Mode>();
    var unattributed = new HashMap<ScopeName, Boolean>();
    var inbound = new HashMap<ScopeName, Inbound>();
    for (var entry : entries) {
      modes.put(entry.scope(), entry.mode());
      unattributed.put(entry.scope(), entry.unattributedAllowed());
      if (entry.inbound() != null) {
        inbound.put(entry.scope(), entry.inbound());
      }
    }
    return new Modes(modes, unattributed, inbound);
  }

  Modes with(ScopeName scope, Mode mode) {
    var changed = new HashMap<>(modes);
    changed.put(scope, mode);
    return new Modes(changed, unattributedAllowed, inbound);
  }

  Mode of(Owner owner) {
    var mode = mostSpecific(modes, owner);
    return mode == null ? Mode.OBSERVE : mode;
  }

  boolean unattributedAllowed(Owner owner) {
    return Boolean.TRUE.equals(mostSpecific(unattributedAllowed, owner));
  }

  Inbound inbound(Owner owner) {
    var asked = mostSpecific(inbound, owner);
    return asked == null ? Inbound.ACCEPT : asked;
  }

  /** The mode of a scope: its own, else that of the scope around it. */
  Mode of(ScopeName scope) {
    return switch (scope) {
      case ScopeName.One(var owner) -> of(owner);
      case ScopeName.Namespace _ -> {
        var own = modes.get(scope);
        yield own == null ? of(new ScopeName.Mesh()) : own;
      }
      case ScopeName.Mesh() -> modes.getOrDefault(scope, Mode.OBSERVE);
    };
  }

  /** Whether no scope within this one speaks for the owner. */
  boolean governs(ScopeName scope, Owner owner) {
    return scope.covers(owner)
        && modes.keySet().stream()
            .filter(other -> other.covers(owner))
            .allMatch(other -> other.specificity() <= scope.specificity());
  }

  private static <T> @Nullable T mostSpecific(Map<ScopeName, T> values, Owner owner) {
    for (var scope :
        List.of(
            new ScopeName.One(owner),
            new ScopeName.Namespace(owner.namespace()),
            new ScopeName.Mesh())) {
      var value = values.get(scope);
      if (value != null) {
        return value;
      }
    }
    return null;
  }
}
