package io.kith.server.control;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The modes that are asked for, by scope; the most specific scope that covers a workload wins. On
 * one scope an object of the cluster wins over a command, and a command over kith.yaml.
 *
 * @param modes by scope, as commands and kith.yaml say
 * @param unattributedAllowed by scope: whether flows of unknown processes may pass
 * @param inbound by scope: what is asked of requests that come in
 * @param commanded the scopes whose mode is one by command
 * @param declared what objects of a cluster say
 * @param overruled the scopes whose object does not set the mode, since a command did after it
 */
record Modes(
    Map<ScopeName, Mode> modes,
    Map<ScopeName, Boolean> unattributedAllowed,
    Map<ScopeName, Inbound> inbound,
    Set<ScopeName> commanded,
    Map<ScopeName, DeclaredScope> declared,
    Set<ScopeName> overruled) {
  Modes {
    modes = Map.copyOf(modes);
    unattributedAllowed = Map.copyOf(unattributedAllowed);
    inbound = Map.copyOf(inbound);
    commanded = Set.copyOf(commanded);
    declared = Map.copyOf(declared);
    overruled = Set.copyOf(overruled);
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
    return new Modes(modes, unattributed, inbound, Set.of(), Map.of(), Set.of());
  }

  /** By command: an object's mode of the scope counts no more, unless it is the same. */
  Modes with(ScopeName scope, Mode mode) {
    var changed = new HashMap<>(modes);
    changed.put(scope, mode);
    var commands = new HashSet<>(commanded);
    commands.add(scope);
    var said = declared.get(scope);
    return new Modes(
        changed,
        unattributedAllowed,
        inbound,
        commands,
        declared,
        overruled(scope, said != null && said.mode() != mode));
  }

  /** By an object; null when none speaks of the scope any more. */
  Modes declared(ScopeName scope, @Nullable DeclaredScope said) {
    var objects = new HashMap<>(declared);
    if (said == null) {
      objects.remove(scope);
    } else {
      objects.put(scope, said);
    }
    return new Modes(
        modes, unattributedAllowed, inbound, commanded, objects, overruled(scope, false));
  }

  private Set<ScopeName> overruled(ScopeName scope, boolean isSo) {
    var scopes = new HashSet<>(overruled);
    if (isSo) {
      scopes.add(scope);
    } else {
      scopes.remove(scope);
    }
    return scopes;
  }

  /** The object that sets the mode of a scope, or null. */
  @Nullable DeclaredScope inForce(ScopeName scope) {
    return overruled.contains(scope) ? null : declared.get(scope);
  }

  Mode of(Owner owner) {
    var mode = mostSpecific(this::own, owner);
    return mode == null ? Mode.OBSERVE : mode;
  }

  boolean unattributedAllowed(Owner owner) {
    return Boolean.TRUE.equals(
        mostSpecific(
            scope -> {
              var said = declared.get(scope);
              return (said == null || said.unattributedAllowed() == null)
                  ? unattributedAllowed.get(scope)
                  : said.unattributedAllowed();
            },
            owner));
  }

  Inbound inbound(Owner owner) {
    var asked =
        mostSpecific(
            scope -> {
              var said = declared.get(scope);
              return (said == null || said.inbound() == null) ? inbound.get(scope) : said.inbound();
            },
            owner);
    return asked == null ? Inbound.ACCEPT : asked;
  }

  /** The mode of a scope: its own, else that of the scope around it. */
  Mode of(ScopeName scope) {
    return switch (scope) {
      case ScopeName.One(var owner) -> of(owner);
      case ScopeName.Namespace _ -> {
        var own = own(scope);
        yield own == null ? of(new ScopeName.Mesh()) : own;
      }
      case ScopeName.Mesh() -> {
        var own = own(scope);
        yield own == null ? Mode.OBSERVE : own;
      }
    };
  }

  /** Of each scope that has one of its own. */
  Map<ScopeName, Mode> all() {
    var all = new HashMap<ScopeName, Mode>();
    Stream.concat(modes.keySet().stream(), declared.keySet().stream())
        .forEach(scope -> all.put(scope, of(scope)));
    return all;
  }

  private @Nullable Mode own(ScopeName scope) {
    var said = inForce(scope);
    return said == null ? modes.get(scope) : said.mode();
  }

  /** What sets the mode of a workload, for people. */
  String origin(Owner owner) {
    var origin = mostSpecific(this::origin, owner);
    return origin == null ? "the default" : origin;
  }

  private @Nullable String origin(ScopeName scope) {
    var said = inForce(scope);
    if (said != null) {
      return said.words() + " (" + scope + ")";
    }
    if (!modes.containsKey(scope)) {
      return null;
    }
    return (commanded.contains(scope) ? "kith mode " : "kith.yaml, scope ") + scope;
  }

  /** The scope that sets the mode of a workload, or null. */
  @Nullable ScopeName governing(Owner owner) {
    return mostSpecific(scope -> own(scope) == null ? null : scope, owner);
  }

  /** Whether no scope within this one speaks for the owner. */
  boolean governs(ScopeName scope, Owner owner) {
    return scope.covers(owner)
        && Stream.concat(modes.keySet().stream(), declared.keySet().stream())
            .filter(other -> other.covers(owner))
            .allMatch(other -> other.specificity() <= scope.specificity());
  }

  private static <T> @Nullable T mostSpecific(
      Function<ScopeName, @Nullable T> values, Owner owner) {
    for (var scope :
        List.of(
            new ScopeName.One(owner),
            new ScopeName.Namespace(owner.namespace()),
            new ScopeName.Mesh())) {
      var value = values.apply(scope);
      if (value != null) {
        return value;
      }
    }
    return null;
  }
}
