package io.kith.server.kubernetes.resource;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.istio.FailureMode;
import io.kith.server.control.ClusterVerbs;
import io.kith.server.control.DeclaredScope;
import io.kith.server.control.RefusedException;
import io.kith.server.kubernetes.resource.Condition.Reason;
import io.kith.server.verb.Words;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Makes what a server decides by what the objects of a cluster say, and says in their conditions
 * how far that is so.
 *
 * <p>By state and not by event: each call looks at all objects as they are, so nothing is lost when
 * events are. An object with a problem leaves what was in force of it; of several that set the mode
 * of one scope the oldest counts. Not thread-safe.
 */
final class Reconciler {
  /** Names of workloads in a message. */
  private static final int NAMED = 5;

  /** Problems that a status holds. */
  private static final int MAX_PROBLEMS = 100;

  private final ClusterVerbs cluster;
  private final String rootNamespace;
  private final @Nullable String provenance;
  private final Statuses statuses;
  private final FailureModes failureModes;
  private final Function<ScopeName, Condition> admission;
  private final ToIntFunction<ScopeName> reviews;
  private final InstantSource clock;
  private final Map<String, Checked> checked = new HashMap<>();
  private volatile List<String> problems = List.of();

  /** A list that was looked at, which is not looked at again before it changes. */
  private record Checked(ClusterObject object, String text, List<String> problems) {}

  /** What became of a Scope. */
  private sealed interface Said {
    /** It sets the mode of its scope. */
    record Counts(ScopeSpec spec) implements Said {}

    /** Another one does. */
    record Conflict(ScopeSpec spec, ClusterObject winner) implements Said {}

    /** It cannot be understood; what it said before stays. */
    record Wrong(String what, @Nullable ScopeSpec before) implements Said {}
  }

  /**
   * One that writes through these verbs.
   *
   * @param rootNamespace from where an object speaks for all
   * @param provenance why no scope may require proof of the process that sends, or null
   * @param failureModes told of scopes as soon as servers decide by them
   * @param admission whether pods that go round the sidecars of a scope are refused
   * @param reviews edges that wait for a person, of the workloads whose mode a scope sets
   */
  Reconciler(
      ClusterVerbs cluster,
      String rootNamespace,
      @Nullable String provenance,
      Statuses statuses,
      FailureModes failureModes,
      Function<ScopeName, Condition> admission,
      ToIntFunction<ScopeName> reviews,
      InstantSource clock) {
    this.cluster = cluster;
    this.rootNamespace = rootNamespace;
    this.provenance = provenance;
    this.statuses = statuses;
    this.failureModes = failureModes;
    this.admission = admission;
    this.reviews = reviews;
    this.clock = clock;
  }

  /** What was wrong with objects when they were last looked at. */
  List<String> problems() {
    return problems;
  }

  /**
   * Looks at all objects.
   *
   * @param writes whether what they say is put in force; else they are only checked
   * @return whether all that should be in force is
   */
  boolean reconcile(
      Collection<ClusterObject> lists, Collection<ClusterObject> scopes, boolean writes) {
    var found = new ArrayList<String>();
    var ofLists = lists(lists, writes, found);
    var ofScopes = scopes(scopes, writes, found);
    problems = List.copyOf(found);
    return ofLists && ofScopes;
  }

  // ---- allow-lists

  private boolean lists(Collection<ClusterObject> lists, boolean writes, List<String> found) {
    var complete = true;
    var there = new TreeSet<String>();
    for (var object : lists.stream().sorted(ClusterObject.BY_AGE).toList()) {
      there.add(object.key());
      var checkedNow = check(object);
      found.addAll(checkedNow.problems());
      String refused = null;
      if (writes && checkedNow.problems().isEmpty()) {
        refused = written(object.key(), checkedNow.text(), object.author());
        complete &= refused == null;
      }
      if (writes) {
        putStatus(object, checkedNow.problems(), refused);
      }
    }
    checked.keySet().retainAll(there);
    if (writes) {
      for (var gone : cluster.lists().keySet()) {
        if (!there.contains(gone)) {
          complete &= written(gone, null, "kubernetes") == null;
        }
      }
    }
    return complete;
  }

  private Checked check(ClusterObject object) {
    var before = checked.get(object.key());
    if (before != null && before.object().saysTheSame(object)) {
      return before;
    }
    var text = ListText.of(object);
    var whom =
        object.namespace().equals(rootNamespace)
            ? "a scope"
            : "workloads of the object's own namespace, as "
                + object.namespace()
                + "/* or "
                + object.namespace()
                + "/deployment/NAME; for others make the object in "
                + rootNamespace;
    var now =
        new Checked(
            object,
            text,
            cluster.problems(object.key(), text, mayName(object.namespace()), whom).stream()
                .map(Objects::toString)
                .toList());
    checked.put(object.key(), now);
    return now;
  }

  private Predicate<ScopeName> mayName(String namespace) {
    return scope ->
        namespace.equals(rootNamespace)
            || switch (scope) {
              case ScopeName.Mesh() -> false;
              case ScopeName.Namespace(var name) -> name.equals(namespace);
              case ScopeName.One(var owner) -> owner.namespace().equals(namespace);
            };
  }

  /** Null, or why it is not in force. */
  private @Nullable String written(String key, @Nullable String text, String by) {
    try {
      cluster.write(key, text, by);
      return null;
    } catch (RefusedException e) {
      return e.words();
    }
  }

  private void putStatus(ClusterObject object, List<String> wrong, @Nullable String refused) {
    var inForce = cluster.lists().containsKey(object.key());
    var conditions = new ArrayList<Condition>();
    conditions.add(
        wrong.isEmpty()
            ? new Condition(Condition.Type.ACCEPTED, Reason.ACCEPTED, "")
            : new Condition(Condition.Type.ACCEPTED, Reason.INVALID, String.join("\n", wrong)));
    conditions.add(
        !wrong.isEmpty()
            ? new Condition(
                Condition.Type.APPLIED,
                inForce ? Reason.LAST_GOOD_IN_FORCE : Reason.INVALID,
                inForce
                    ? "what was good of it before is in force (repair it: condition Accepted)"
                    : "nothing of it is in force (repair it: condition Accepted)")
            : refused == null
                ? new Condition(Condition.Type.APPLIED, Reason.IN_FORCE, "")
                : new Condition(
                    Condition.Type.APPLIED, Reason.STORE_REFUSED, refused + "; it is tried again"));
    var status = new LinkedHashMap<String, Object>();
    status.put("observedGeneration", object.generation());
    status.put("rules", cluster.rules(object.key()));
    status.put("problems", wrong.stream().limit(MAX_PROBLEMS).toList());
    put(object, status, conditions);
  }

  private void put(ClusterObject object, Map<String, Object> status, List<Condition> conditions) {
    status.put(
        "conditions",
        Condition.json(conditions, object.status(), object.generation(), clock.instant()));
    statuses.put(object, status);
  }

  // ---- scopes

  private boolean scopes(Collection<ClusterObject> scopes, boolean writes, List<String> found) {
    var said = said(scopes.stream().sorted(ClusterObject.BY_AGE).toList());
    var wanted = new LinkedHashMap<ScopeName, DeclaredScope>();
    var authors = new HashMap<ScopeName, String>();
    said.forEach(
        (object, what) -> {
          switch (what) {
            case Said.Counts(var spec) -> {
              wanted.put(spec.scope(), spec.declared());
              authors.put(spec.scope(), object.author());
            }
            case Said.Wrong(var problem, var before) -> {
              found.add(name(object) + ": " + problem);
              if (before != null) {
                wanted.putIfAbsent(before.scope(), before.declared());
              }
            }
            case Said.Conflict(var spec, var winner) ->
                found.add(name(object) + ": " + conflict(spec, winner));
          }
        });
    if (!writes) {
      return true;
    }
    var refused = new HashMap<ScopeName, String>();
    wanted.forEach(
        (scope, declared) ->
            declare(scope, declared, authors.getOrDefault(scope, "kubernetes"), refused));
    for (var scope : Set.copyOf(cluster.scopes().keySet())) {
      if (!wanted.containsKey(scope)) {
        declare(scope, null, "kubernetes", refused);
      }
    }
    failureModes.follow(failures(said), unclear(said));
    var reached = cluster.reached();
    said.forEach((object, what) -> putStatus(object, what, refused, reached));
    return refused.isEmpty();
  }

  /** What objects ask of sidecars otherwise than by their mode. */
  private static Map<ScopeName, FailureMode> failures(Map<ClusterObject, Said> said) {
    var failures = new HashMap<ScopeName, FailureMode>();
    for (var one : said.values()) {
      if (one instanceof Said.Counts(var spec) && spec.failure() != null) {
        failures.put(spec.scope(), spec.failure());
      }
    }
    return failures;
  }

  private static Set<ScopeName> unclear(Map<ClusterObject, Said> said) {
    return said.values().stream()
        .map(one -> one instanceof Said.Wrong(_, var before) ? before : null)
        .filter(Objects::nonNull)
        .map(ScopeSpec::scope)
        .collect(Collectors.toSet());
  }

  private static String name(ClusterObject object) {
    return "scope " + object.key();
  }

  private Map<ClusterObject, Said> said(List<ClusterObject> byAge) {
    var said = new LinkedHashMap<ClusterObject, Said>();
    var taken = new HashMap<ScopeName, ClusterObject>();
    for (var object : byAge) {
      ScopeSpec spec;
      try {
        spec = ScopeSpec.read(object, rootNamespace);
        requireProvenance(spec);
      } catch (IllegalArgumentException e) {
        var before = inForce(object);
        if (before != null) {
          taken.putIfAbsent(before.scope(), object);
        }
        said.put(object, new Said.Wrong(String.valueOf(e.getMessage()), before));
        continue;
      }
      var winner = taken.putIfAbsent(spec.scope(), object);
      said.put(object, winner == null ? new Said.Counts(spec) : new Said.Conflict(spec, winner));
    }
    return said;
  }

  private void requireProvenance(ScopeSpec spec) {
    if (spec.declared().inbound() == Inbound.REQUIRE && provenance != null) {
      throw new IllegalArgumentException("spec.inbound: require " + provenance);
    }
  }

  /** What the log has of the object, or null. */
  private @Nullable ScopeSpec inForce(ClusterObject object) {
    for (var one : cluster.scopes().entrySet()) {
      if (one.getValue().object().equals(object.key())) {
        return new ScopeSpec(one.getKey(), one.getValue(), null);
      }
    }
    return null;
  }

  private void declare(
      ScopeName scope,
      @Nullable DeclaredScope declared,
      String by,
      Map<ScopeName, String> refused) {
    try {
      cluster.declare(scope, declared, by);
    } catch (RefusedException e) {
      refused.put(scope, e.words());
    }
  }

  private static String conflict(ScopeSpec spec, ClusterObject winner) {
    return "Scope "
        + winner.key()
        + " is older and sets the mode of "
        + spec.scope()
        + " (delete one of them)";
  }

  private void putStatus(
      ClusterObject object,
      Said what,
      Map<ScopeName, String> refused,
      Map<ScopeName, ClusterVerbs.Reached> reached) {
    var conditions = new ArrayList<Condition>();
    ScopeSpec spec;
    switch (what) {
      case Said.Counts(var good) -> {
        spec = good;
        conditions.add(new Condition(Condition.Type.ACCEPTED, Reason.ACCEPTED, ""));
        var why = refused.get(good.scope());
        conditions.add(
            why == null
                ? new Condition(Condition.Type.APPLIED, Reason.IN_FORCE, "")
                : new Condition(
                    Condition.Type.APPLIED, Reason.STORE_REFUSED, why + "; it is tried again"));
        conditions.add(enforced(good, reached.get(good.scope())));
        var failure = failureModes.condition(good.scope());
        if (failure != null) {
          conditions.add(failure);
        }
      }
      case Said.Conflict(var good, var winner) -> {
        spec = good;
        var message = conflict(good, winner);
        conditions.add(new Condition(Condition.Type.ACCEPTED, Reason.CONFLICT, message));
        conditions.add(new Condition(Condition.Type.APPLIED, Reason.CONFLICT, message));
        conditions.add(new Condition(Condition.Type.ENFORCED, Reason.CONFLICT, message));
      }
      case Said.Wrong(var problem, var before) -> {
        spec = before;
        conditions.add(new Condition(Condition.Type.ACCEPTED, Reason.INVALID, problem));
        conditions.add(
            new Condition(
                Condition.Type.APPLIED,
                before == null ? Reason.INVALID : Reason.LAST_GOOD_IN_FORCE,
                before == null
                    ? "nothing of it is in force"
                    : "in force is what it said before: " + before.declared().mode().word()));
        conditions.add(
            before == null
                ? new Condition(
                    Condition.Type.ENFORCED, Reason.INVALID, "nothing of it is in force")
                : enforced(before, reached.get(before.scope())));
      }
    }
    if (spec != null
        && spec.declared().mode() == Mode.ENFORCE
        && !(what instanceof Said.Conflict)) {
      conditions.add(admission.apply(spec.scope()));
    }
    var status = new LinkedHashMap<String, Object>();
    status.put("observedGeneration", object.generation());
    if (spec != null) {
      status.put("scope", spec.scope().toString());
      var here = reached.get(spec.scope());
      status.put("workloads", what instanceof Said.Conflict || here == null ? 0 : here.workloads());
    }
    put(object, status, conditions);
  }

  private Condition enforced(ScopeSpec spec, ClusterVerbs.@Nullable Reached reached) {
    var mode = spec.declared().mode();
    if (mode != Mode.ENFORCE) {
      return new Condition(Condition.Type.ENFORCED, Reason.NOT_ASKED, "mode " + mode.word());
    }
    if (reached == null || reached.workloads() == 0) {
      return new Condition(
          Condition.Type.ENFORCED, Reason.NO_WORKLOADS, "no workload is known whose mode it sets");
    }
    var unproposed = names(reached, false);
    if (!unproposed.isEmpty()) {
      return new Condition(
          Condition.Type.ENFORCED,
          Reason.WAITS_FOR_BASELINE,
          unproposed + " observed until a person enforces a baseline (kith coverage says when)");
    }
    var proposed = names(reached, true);
    if (!proposed.isEmpty()) {
      return new Condition(
          Condition.Type.ENFORCED,
          Reason.WAITS_FOR_APPROVAL,
          proposed
              + " observed until a person enforces the proposed baseline (kith diff OWNER, then kith"
              + " mode OWNER enforce --note TEXT)");
    }
    var sidecars = failureModes.notEnforced(spec.scope());
    return sidecars == null
        ? new Condition(
            Condition.Type.ENFORCED, Reason.ENFORCED, waiting(reviews.applyAsInt(spec.scope())))
        : sidecars;
  }

  private static String waiting(int edges) {
    return edges == 0
        ? ""
        : Words.count(edges, "edge")
            + (edges == 1 ? " waits" : " wait")
            + " for a person and "
            + (edges == 1 ? "is" : "are")
            + " refused, unless a rule allows "
            + (edges == 1 ? "it" : "them")
            + " (kith coverage)";
  }

  private static String names(ClusterVerbs.Reached reached, boolean proposed) {
    var owners =
        reached.waiting().stream()
            .filter(one -> one.proposed() == proposed)
            .map(one -> one.owner().toString())
            .toList();
    if (owners.isEmpty()) {
      return "";
    }
    var more = owners.size() - NAMED;
    return owners.stream().limit(NAMED).collect(Collectors.joining(", "))
        + (more > 0 ? " and " + more + " more" : "")
        + (owners.size() == 1 ? " is" : " are");
  }
}
