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
 * @param configured by scope, as kith.yaml says
 * @param commanded by scope, as commands say
 * @param unattributedAllowed by scope: whether flows of unknown processes may pass
 * @param inbound by scope: what is asked of requests that come in
 * @param declared what objects of a cluster say
 * @param overruled the scopes whose object does not set the mode, since a command did after it
 */
record Modes(
    Map<ScopeName, Mode> configured,
    Map<ScopeName, Mode> commanded,
    Map<ScopeName, Boolean> unattributedAllowed,
    Map<ScopeName, Inbound> inbound,
    Map<ScopeName, DeclaredScope> declared,
    Set<ScopeName> overruled) {
  Modes {
    configured = Map.copyOf(configured);
    commanded = Map.copyOf(commanded);
    unattributedAllowed = Map.copyOf(unattributedAllowed);
    inbound = Map.copyOf(inbound);
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
    return new Modes(modes, Map.of(), unattributed, inbound, Map.of(), Set.of());
  }

  /** By command: an object's mode of the scope counts no more, unless it is the same. */
  Modes with(ScopeName scope, Mode mode) {
    var commands = new HashMap<>(commanded);
    commands.put(scope, mode);
    var said = declared.get(scope);
    return new Modes(
        configured,
        commands,
        unattributedAllowed,
        inbound,
        declared,
        overruled(scope, said != null && said.mode() != mode));
  }

  /** Without what a command said of a scope: as if none had. */
  Modes inherited(ScopeName scope) {
    var commands = new HashMap<>(commanded);
    commands.remove(scope);
    return new Modes(
        configured, commands, unattributedAllowed, inbound, declared, overruled(scope, false));
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
        configured, commanded, unattributedAllowed, inbound, objects, overruled(scope, false));
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
    return of(new ScopeName.One(owner));
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
            new ScopeName.One(owner)));
  }

  Inbound inbound(Owner owner) {
    var asked =
        mostSpecific(
            scope -> {
              var said = declared.get(scope);
              return (said == null || said.inbound() == null) ? inbound.get(scope) : said.inbound();
            },
            new ScopeName.One(owner));
    return asked == null ? Inbound.ACCEPT : asked;
  }

  /** The mode of a scope: its own, else that of the scope around it. */
  Mode of(ScopeName scope) {
    var mode = mostSpecific(this::own, scope);
    return mode == null ? Mode.OBSERVE : mode;
  }

  /** Of each scope that has one of its own. */
  Map<ScopeName, Mode> all() {
    var all = new HashMap<ScopeName, Mode>();
    spokenOf().forEach(scope -> all.put(scope, of(scope)));
    return all;
  }

  private Stream<ScopeName> spokenOf() {
    return Stream.of(configured, commanded, declared).flatMap(said -> said.keySet().stream());
  }

  private @Nullable Mode own(ScopeName scope) {
    var said = inForce(scope);
    if (said != null) {
      return said.mode();
    }
    var mode = commanded.get(scope);
    return mode == null ? configured.get(scope) : mode;
  }

  /** What sets the mode of a workload, for people. */
  String origin(Owner owner) {
    return origin(new ScopeName.One(owner));
  }

  /** The same of a scope: its own, else that of the scope around it. */
  String origin(ScopeName scope) {
    var origin = mostSpecific(this::ownOrigin, scope);
    return origin == null ? "the default" : origin;
  }

  private @Nullable String ownOrigin(ScopeName scope) {
    var said = inForce(scope);
    if (said != null) {
      return said.words() + " (" + scope + ")";
    }
    if (commanded.containsKey(scope)) {
      return "kith mode " + scope;
    }
    return configured.containsKey(scope) ? "kith.yaml, scope " + scope : null;
  }

  /** The scope that sets the mode of a workload, or null. */
  @Nullable ScopeName governing(Owner owner) {
    return mostSpecific(scope -> own(scope) == null ? null : scope, new ScopeName.One(owner));
  }

  /** Whether no scope within this one speaks for the owner. */
  boolean governs(ScopeName scope, Owner owner) {
    return scope.covers(owner)
        && spokenOf()
            .filter(other -> other.covers(owner))
            .allMatch(other -> other.specificity() <= scope.specificity());
  }

  private static <T> @Nullable T mostSpecific(
      Function<ScopeName, @Nullable T> values, ScopeName from) {
    for (var scope = from; scope != null; scope = around(scope)) {
      var value = values.apply(scope);
      if (value != null) {
        return value;
      }
    }
    return null;
  }

  private static @Nullable ScopeName around(ScopeName scope) {
    return switch (scope) {
      case ScopeName.One(var owner) -> new ScopeName.Namespace(owner.namespace());
      case ScopeName.Namespace _ -> new ScopeName.Mesh();
      case ScopeName.Mesh() -> null;
    };
  }
}
