package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.istio.FailureMode;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.MeshNames;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshOverlay.Writer;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.server.check.Sidecars;
import io.kith.server.control.ClusterVerbs;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.ClusterPods.MeshedPod;
import io.kith.server.kubernetes.resource.Condition.Reason;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps an EnvoyFilter for each scope that has a mode, which opens its sidecars under observe and
 * shadow and closes them under enforce, and finds out whether they took it.
 *
 * <p>By state: what is there is compared with what should be, so that what somebody changed or
 * deleted is put back. Where it cannot be told whom an EnvoyFilter would select, one that opens is
 * taken away and one that closes stays. A change is announced before it is made, in the scope's
 * condition and the log, since listeners drain. Not thread-safe, but for how it is.
 */
final class Overlays implements FailureModes {
  private static final System.Logger LOG = System.getLogger(Overlays.class.getName());

  /** Names of pods in a message. */
  private static final int NAMED = 5;

  /** EnvoyFilters that are written or deleted at a time; a time is five seconds. */
  static final int BATCH = 50;

  /** A change is told so long before it is made. */
  static final Duration NOTICE = Duration.ofSeconds(3);

  /** What comes to the list of a floor waits until it is this old, and comes together. */
  static final Duration COLLECTED = Duration.ofMinutes(10);

  /** What was refused is tried again after so long. */
  private static final Duration PAUSE = Duration.ofSeconds(15);

  /** Younger pods are not waited for by {@link #open}: they come all the time. */
  static final Duration YOUNG = Duration.ofMinutes(10);

  /** The reasons that {@link #open} always has, so that there is something to alert on. */
  static final Map<String, Long> NONE_OPEN =
      Map.of(
          Reason.FAILS_OPEN.word(), 0L,
          Reason.NOT_WRITTEN.word(), 0L,
          Reason.WAITS_FOR_SIDECARS.word(), 0L);

  /** A pod's start is told in whole seconds, by another clock. */
  private static final Duration CLOCKS = Duration.ofSeconds(10);

  private final Filters filters;
  private final Function<Owner, Selectors.Found> selectors;
  private final Floors floors;
  private final MeshSettings settings;
  private final ClusterVerbs cluster;
  private final ClusterPods pods;
  private final Sidecars sidecars;
  private final InstantSource clock;
  private final LongAdder writes = new LongAdder();
  private final Map<Name, Refused> refused = new HashMap<>();
  private final Map<Name, Announced> announced = new HashMap<>();
  private final Map<Name, Instant> leaving = new HashMap<>();
  private final Map<Name, Told> lists = new HashMap<>();
  private volatile Map<ScopeName, Kept> kept = Map.of();
  private volatile Map<String, Long> destinations = Map.of();
  private volatile Map<String, Long> open = NONE_OPEN;
  private Map<ScopeName, Asking> asking = Map.of();
  private int left;

  /** An EnvoyFilter by its namespace. */
  record Name(String namespace, String name) {
    @Override
    public String toString() {
      return namespace + "/" + name;
    }
  }

  /**
   * What counts of an EnvoyFilter.
   *
   * @param spec JSON
   */
  record Filter(Map<String, String> labels, Map<String, Object> spec) {
    /** Whether another says all of it and nothing else, but for labels of others. */
    boolean isSaidBy(Filter other) {
      return other.labels.entrySet().containsAll(labels.entrySet())
          && other.spec.keySet().equals(spec.keySet())
          && StatusWriter.isSo(spec, other.spec);
    }

    private boolean opens() {
      return !labels.getOrDefault(MeshNames.FAILURE_MODE, "open").matches("closed|floor");
    }
  }

  /** The EnvoyFilters that servers keep. */
  interface Filters {
    /** Why it is not known what is there, or null. */
    @Nullable String problem();

    /** What is there. */
    Map<Name, Filter> there();

    /**
     * Has it be so and no other.
     *
     * @param wanted what of the document counts
     */
    void put(Name name, Filter wanted, Map<String, Object> document);

    void delete(Name name);
  }

  /**
   * What a scope's sidecars are told.
   *
   * @param mode of the scope
   * @param problem why they are not told, or null
   * @param list of a floor, in words; else empty
   */
  private record Kept(
      Name name, Mode mode, FailureMode failure, @Nullable Why problem, String list) {
    Kept with(@Nullable Why why, String words) {
      return new Kept(name, mode, failure, why, words);
    }
  }

  /**
   * The list of a floor that is there.
   *
   * @param since when, as far as this server knows
   */
  private record Told(Filter filter, List<Approved> list, Instant since) {}

  /**
   * Why a scope's sidecars are not told.
   *
   * @param passes it is not wrong, only not yet
   */
  private record Why(Reason reason, String message, boolean passes) {
    Why(Reason reason, String message) {
      this(reason, message, false);
    }
  }

  /**
   * What is to be there, since when that is known; what is put back is not told again.
   *
   * @param why null for what is there
   */
  private record Announced(Filter wanted, Instant at, @Nullable Why why) {}

  private record Refused(Filter wanted, Why why, Instant until) {}

  /** The sidecars of a scope. */
  private static final class Asking {
    final List<String> closed = new ArrayList<>();
    final List<String> open = new ArrayList<>();
    final List<String> silent = new ArrayList<>();
    boolean late;

    int all() {
      return closed.size() + open.size() + silent.size();
    }
  }

  /**
   * One that keeps them.
   *
   * @param floors what comes to what somebody listed
   * @param settings those of the mesh's recipe
   */
  Overlays(
      Filters filters,
      Function<Owner, Selectors.Found> selectors,
      Floors floors,
      MeshSettings settings,
      ClusterVerbs cluster,
      ClusterPods pods,
      Sidecars sidecars,
      InstantSource clock) {
    this.filters = filters;
    this.selectors = selectors;
    this.floors = floors;
    this.settings = settings;
    this.cluster = cluster;
    this.pods = pods;
    this.sidecars = sidecars;
    this.clock = clock;
  }

  // ---- what they are told

  @Override
  public void follow(Map<ScopeName, FailureMode> asked, Set<ScopeName> unclear) {
    var unread = filters.problem();
    var there = unread == null ? filters.there() : Map.<Name, Filter>of();
    var stay = new HashSet<Name>();
    var put = new LinkedHashMap<ScopeName, MeshOverlay>();
    var now = new LinkedHashMap<ScopeName, Kept>();
    var lists = floors.of(floorsAmong(asked));
    destinations =
        Map.of(
            "yes", lists.values().stream().mapToLong(list -> list.approved().size()).sum(),
            "no", lists.values().stream().mapToLong(list -> list.leftOut().size()).sum());
    cluster
        .modes()
        .forEach(
            (scope, mode) -> {
              var name = name(scope);
              var list = lists.get(scope);
              var failure =
                  list != null
                      ? new FailureMode.Floor(list.approved())
                      : Objects.requireNonNullElse(
                          asked.get(scope),
                          mode == Mode.ENFORCE ? new FailureMode.Closed() : new FailureMode.Open());
              stay.add(name);
              Why problem = null;
              if (unread != null) {
                problem = new Why(Reason.NOT_WRITTEN, unread);
              } else if (unclear.contains(scope)) {
                problem = new Why(Reason.INVALID, "stays as it was until the object is repaired");
              } else {
                switch (selector(scope)) {
                  case Selectors.Found.Labels(var labels) ->
                      put.put(scope, overlay(scope, labels, failure));
                  case Selectors.Found.Unknown(var message) ->
                      problem = new Why(Reason.NOT_WRITTEN, message);
                  case Selectors.Found.None(var reason, var message) -> {
                    problem = new Why(reason, message);
                    var before = there.get(name);
                    if (before != null && before.opens()) {
                      stay.remove(name);
                    }
                  }
                }
              }
              var words = list == null ? "" : list.words();
              now.put(scope, new Kept(name, mode, failure, problem, words));
            });
    if (unread == null) {
      left = BATCH;
      write(put, there, now);
      var gone = there.keySet().stream().filter(name -> !stay.contains(name)).toList();
      leaving.keySet().retainAll(gone);
      gone.forEach(name -> delete(name, Objects.requireNonNull(there.get(name))));
      announced.keySet().retainAll(stay);
      this.lists.keySet().retainAll(stay);
    }
    kept = Map.copyOf(now);
    asking = asking();
    var why = new HashMap<>(NONE_OPEN);
    now.keySet().stream()
        .map(this::mayPass)
        .filter(Objects::nonNull)
        .forEach(reason -> why.merge(reason.word(), 1L, Long::sum));
    open = Map.copyOf(why);
  }

  /** Says nothing of them any more, since another server keeps them, until they are followed. */
  void forget() {
    announced.clear();
    leaving.clear();
    refused.clear();
    lists.clear();
    kept = Map.of();
    asking = Map.of();
    destinations = Map.of();
    open = NONE_OPEN;
  }

  private Map<ScopeName, FailureMode.Floor> floorsAmong(Map<ScopeName, FailureMode> asked) {
    var found = new HashMap<ScopeName, FailureMode.Floor>();
    asked.forEach(
        (scope, failure) -> {
          if (failure instanceof FailureMode.Floor floor && cluster.modes().containsKey(scope)) {
            found.put(scope, floor);
          }
        });
    return found;
  }

  private Selectors.Found selector(ScopeName scope) {
    return scope instanceof ScopeName.One(var owner)
        ? selectors.apply(owner)
        : new Selectors.Found.Labels(Map.of());
  }

  private MeshOverlay overlay(ScopeName scope, Map<String, String> labels, FailureMode failure) {
    var mesh =
        switch (scope) {
          case ScopeName.Mesh() -> MeshScope.MESH;
          case ScopeName.Namespace(var namespace) -> MeshScope.namespace(namespace);
          case ScopeName.One(var owner) -> new MeshScope(owner.namespace(), word(owner), labels);
        };
    return new MeshOverlay(settings, mesh, failure, Writer.SERVER);
  }

  private Name name(ScopeName scope) {
    return switch (scope) {
      case ScopeName.Mesh() ->
          new Name(settings.rootNamespace(), Writer.SERVER.nameOf(MeshScope.MESH));
      case ScopeName.Namespace(var namespace) ->
          new Name(namespace, Writer.SERVER.nameOf(MeshScope.namespace(namespace)));
      case ScopeName.One(var owner) ->
          new Name(
              owner.namespace(),
              Writer.SERVER.nameOf(
                  new MeshScope(owner.namespace(), word(owner), Map.of("any", "any"))));
    };
  }

  private static String word(Owner owner) {
    return owner.kind() + "-" + owner.name();
  }

  /** Closes before it opens; a batch at once, which istiod sends as one change. */
  private void write(
      Map<ScopeName, MeshOverlay> overlays, Map<Name, Filter> there, Map<ScopeName, Kept> now) {
    var order =
        overlays.entrySet().stream()
            .sorted(
                Comparator.comparing(
                    (Map.Entry<ScopeName, MeshOverlay> one) ->
                        one.getValue().mode() instanceof FailureMode.Open))
            .toList();
    for (var one : order) {
      var before = Objects.requireNonNull(now.get(one.getKey()));
      var name = before.name();
      var overlay = one.getValue();
      var document = overlay.document();
      var wanted = filter(document);
      var comes = collected(name, overlay, wanted, there.get(name));
      if (!comes.isEmpty()) {
        now.put(one.getKey(), before.with(null, before.list() + comes));
        continue;
      }
      var problem = written(one.getKey(), name, overlay.mode(), wanted, document, there.get(name));
      if (problem != null) {
        now.put(one.getKey(), before.with(problem, before.list()));
      }
    }
  }

  /**
   * What is only to come to the list of a floor, in words; empty where something is to be written
   * or nothing is. What is not approved any more does not wait.
   */
  private String collected(Name name, MeshOverlay overlay, Filter wanted, @Nullable Filter there) {
    if (!(overlay.mode() instanceof FailureMode.Floor(var approved))) {
      lists.remove(name);
      return "";
    }
    var now = clock.instant();
    var told = lists.get(name);
    if (there == null || wanted.isSaidBy(there)) {
      if (there != null && (told == null || !told.filter.equals(wanted))) {
        lists.put(name, new Told(wanted, approved, now));
      }
      return "";
    }
    if (told == null
        || !told.filter.isSaidBy(there)
        || !new HashSet<>(approved).containsAll(told.list)
        || !told.filter.equals(filter(with(told.list, overlay).document()))) {
      return "";
    }
    var due = told.since.plus(COLLECTED);
    return now.isBefore(due)
        ? "; "
            + (approved.size() - told.list.size())
            + " of them from "
            + due.truncatedTo(ChronoUnit.SECONDS)
            + " on, since each change drains listeners"
        : "";
  }

  private static MeshOverlay with(List<Approved> list, MeshOverlay overlay) {
    return new MeshOverlay(
        overlay.settings(), overlay.scope(), new FailureMode.Floor(list), overlay.by());
  }

  private @Nullable Why written(
      ScopeName scope,
      Name name,
      FailureMode failure,
      Filter wanted,
      Map<String, Object> document,
      @Nullable Filter there) {
    if (there != null && wanted.isSaidBy(there)) {
      refused.remove(name);
      announced.put(name, new Announced(wanted, Instant.MIN, null));
      return null;
    }
    var told = announced.get(name);
    if (told == null || !told.wanted.equals(wanted)) {
      told = new Announced(wanted, clock.instant(), announce(scope, name, failure, there));
      announced.put(name, told);
    }
    if (clock.instant().isBefore(told.at.plus(NOTICE))) {
      return told.why;
    }
    var before = refused.get(name);
    if (before != null && before.wanted.equals(wanted) && clock.instant().isBefore(before.until)) {
      return before.why;
    }
    if (left == 0) {
      return new Why(
          Reason.QUEUED,
          "EnvoyFilter " + name + " is written after others, " + BATCH + " at a time",
          true);
    }
    left--;
    try {
      var isPutBack = told.at.equals(Instant.MIN); // whatever somebody made of it
      if (there == null || there.opens() || wanted.opens() || isPutBack) {
        outdate(owner -> scope.equals(cluster.governing(owner))); // first: its answer may be lost
      }
      filters.put(name, wanted, document);
      if (failure instanceof FailureMode.Floor(var list)) {
        lists.put(name, new Told(wanted, list, clock.instant()));
      }
      refused.remove(name);
      writes.increment();
      LOG.log(
          Level.INFO,
          () ->
              "EnvoyFilter "
                  + name
                  + " is "
                  + failure.word()
                  + " now; listeners of its sidecars are drained");
      return null;
    } catch (KubernetesClientException e) {
      var why = new Why(Reason.NOT_WRITTEN, KubernetesApi.words(e) + "; it is tried again");
      refused.put(name, new Refused(wanted, why, clock.instant().plus(PAUSE)));
      LOG.log(Level.WARNING, () -> "EnvoyFilter " + name + " was not written: " + why.message);
      return why;
    }
  }

  /** Has what sidecars said so far not count: it is of a filter from before. */
  private void outdate(Predicate<Owner> whose) {
    pods.meshed(whose).stream().flatMap(pod -> pod.addresses().stream()).forEach(sidecars::outdate);
  }

  /** Whether an EnvoyFilter that no scope wants any more is what a workload's sidecars go by. */
  private boolean goesBy(Name gone, Owner owner) {
    var governing = cluster.governing(owner);
    var scopes =
        List.of(
            new ScopeName.One(owner),
            new ScopeName.Namespace(owner.namespace()),
            new ScopeName.Mesh());
    for (var scope : scopes) {
      if (name(scope).equals(gone)) {
        return true;
      }
      if (scope.equals(governing)) {
        return false;
      }
    }
    return false;
  }

  private Why announce(ScopeName scope, Name name, FailureMode failure, @Nullable Filter there) {
    var words = announcement(scope, name, failure, there);
    LOG.log(Level.INFO, words);
    return new Why(Reason.ANNOUNCED, words, true);
  }

  private String announcement(
      ScopeName scope, Name name, FailureMode failure, @Nullable Filter there) {
    return "EnvoyFilter "
        + name
        + (there != null && failure instanceof FailureMode.Floor && is(failure, there)
            ? " gets another list of approved destinations"
            : " becomes " + failure.word())
        + inSomeSeconds(scope);
  }

  private String inSomeSeconds(ScopeName scope) {
    var drained = pods.meshed(scope::covers).size();
    return " in some seconds; listeners of "
        + drained
        + (drained == 1 ? " sidecar" : " sidecars")
        + " are drained then";
  }

  /**
   * What a mode that a scope just got, or inherited, does to sidecars, in words; empty where it
   * does nothing. For any thread.
   */
  String drains(ScopeName scope, Mode mode) {
    var now = cluster.modes().get(scope);
    if ((now != null && now != mode) || filters.problem() != null) {
      return "";
    }
    var name = name(scope);
    var there = filters.there().get(name);
    if (now == null) {
      return there == null
          ? ""
          : "EnvoyFilter "
              + name
              + " is deleted"
              + inSomeSeconds(scope)
              + ", unless they are "
              + there.labels.getOrDefault(MeshNames.FAILURE_MODE, "open")
              + " without it too";
    }
    var failure = mode == Mode.ENFORCE ? new FailureMode.Closed() : new FailureMode.Open();
    return there != null && is(failure, there) ? "" : announcement(scope, name, failure, there);
  }

  private static boolean is(FailureMode failure, Filter there) {
    return failure.word().equals(there.labels.get(MeshNames.FAILURE_MODE));
  }

  @SuppressWarnings("unchecked")
  private static Filter filter(Map<String, Object> document) {
    var metadata = (Map<String, Object>) Objects.requireNonNull(document.get("metadata"));
    return new Filter(
        (Map<String, String>) Objects.requireNonNull(metadata.get("labels")),
        (Map<String, Object>) Objects.requireNonNull(document.get("spec")));
  }

  private void delete(Name name, Filter there) {
    var since = leaving.get(name);
    var isDue = since != null && !clock.instant().isBefore(since.plus(NOTICE)) && left > 0;
    if (there.opens() && (since == null || isDue)) {
      outdate(owner -> goesBy(name, owner));
    }
    if (since == null) {
      leaving.put(name, clock.instant());
      LOG.log(Level.INFO, () -> "EnvoyFilter " + name + " is deleted in some seconds");
      return;
    }
    if (!isDue) {
      return; // not before what comes in its place
    }
    left--;
    try {
      filters.delete(name);
      writes.increment();
      LOG.log(Level.INFO, () -> "EnvoyFilter " + name + " is gone: no scope wants it any more");
    } catch (KubernetesClientException e) {
      LOG.log(
          Level.WARNING,
          () -> "EnvoyFilter " + name + " was not deleted, tried again: " + KubernetesApi.words(e));
    }
  }

  // ---- what they have

  private Map<ScopeName, Asking> asking() {
    var byScope = new HashMap<ScopeName, Asking>();
    kept.forEach(
        (scope, told) -> {
          if (told.mode() == Mode.ENFORCE) {
            byScope.put(scope, new Asking());
          }
        });
    if (byScope.isEmpty()) {
      return byScope;
    }
    var now = clock.instant();
    for (var pod : pods.meshed(owner -> byScope.containsKey(cluster.governing(owner)))) {
      var scope = byScope.get(cluster.governing(pod.owner()));
      if (scope != null) {
        var state = state(pod);
        var closed = state != null && state.isClosed(now);
        (state == null ? scope.silent : closed ? scope.closed : scope.open).add(pod.name());
        scope.late |= state != null && state.saysOpen() && pod.started().isBefore(now.minus(YOUNG));
      }
    }
    return byScope;
  }

  /** What it said last; null when that may have been an earlier pod with its address. */
  private Sidecars.@Nullable State state(MeshedPod pod) {
    return pod.addresses().stream()
        .map(sidecars::of)
        .filter(Objects::nonNull)
        .filter(state -> !state.asked().isBefore(pod.started().minus(CLOCKS)))
        .max(Comparator.comparing(Sidecars.State::asked))
        .orElse(null);
  }

  @Override
  public @Nullable Condition condition(ScopeName scope) {
    var told = kept.get(scope);
    if (told == null) {
      return null;
    }
    var problem = told.problem();
    if (problem != null) {
      return new Condition(Condition.Type.FAILURE_MODE, problem.reason, problem.message);
    }
    return switch (told.failure()) {
      case FailureMode.Closed() ->
          new Condition(Condition.Type.FAILURE_MODE, Reason.CLOSED, "EnvoyFilter " + told.name());
      case FailureMode.Floor _ ->
          new Condition(
              Condition.Type.FAILURE_MODE,
              Reason.FLOOR,
              "EnvoyFilter " + told.name() + ": " + told.list());
      case FailureMode.Open() ->
          told.mode() == Mode.ENFORCE
              ? new Condition(
                  Condition.Type.FAILURE_MODE,
                  Reason.OPEN_UNDER_ENFORCE,
                  "EnvoyFilter "
                      + told.name()
                      + ": while Kith cannot be asked all passes, since spec.failure says so")
              : new Condition(
                  Condition.Type.FAILURE_MODE, Reason.OPEN, "EnvoyFilter " + told.name());
    };
  }

  @Override
  public @Nullable Condition notEnforced(ScopeName scope) {
    var told = kept.get(scope);
    if (told == null) {
      return new Condition(
          Condition.Type.ENFORCED, Reason.NOT_WRITTEN, "no EnvoyFilter is written yet");
    }
    var problem = told.problem();
    if (problem != null) {
      return new Condition(Condition.Type.ENFORCED, problem.reason, problem.message);
    }
    if (told.failure() instanceof FailureMode.Open) {
      return new Condition(
          Condition.Type.ENFORCED,
          Reason.FAILS_OPEN,
          "while Kith cannot be asked all passes (remove spec.failure, or set closed or floor)");
    }
    var found = asking.get(scope);
    if (found == null || found.all() == 0) {
      return new Condition(
          Condition.Type.ENFORCED,
          Reason.NO_SIDECARS,
          "no pod with a sidecar runs whose mode it sets");
    }
    if (found.open.isEmpty() && found.silent.isEmpty()) {
      return null;
    }
    return new Condition(
        Condition.Type.ENFORCED,
        Reason.WAITS_FOR_SIDECARS,
        found.closed.size()
            + " of "
            + found.all()
            + " sidecars ask through a filter that lets nothing pass without an answer"
            + named("; not yet or not long enough: ", found.open)
            + named(
                "; did not ask since this server knows of them (idle, or with a recipe of before?):"
                    + " ",
                found.silent));
  }

  /** Why an enforced scope may pass what no server can be asked about; null when it does not. */
  private @Nullable Reason mayPass(ScopeName scope) {
    if (Objects.requireNonNull(kept.get(scope)).mode() != Mode.ENFORCE) {
      return null;
    }
    var why = notEnforced(scope);
    if (why == null || why.reason() == Reason.NO_SIDECARS) {
      return null;
    }
    var found = asking.get(scope);
    return why.reason() != Reason.WAITS_FOR_SIDECARS || (found != null && found.late)
        ? why.reason()
        : null;
  }

  private static String named(String what, List<String> pods) {
    var more = pods.size() - NAMED;
    return pods.isEmpty()
        ? ""
        : what
            + pods.stream().sorted().limit(NAMED).collect(Collectors.joining(", "))
            + (more > 0 ? " and " + more + " more" : "");
  }

  // ---- how it is

  private static boolean isWrong(@Nullable Why problem) {
    return problem != null && !problem.passes;
  }

  /** What is wrong, in words. */
  List<String> problems() {
    return kept.entrySet().stream()
        .filter(one -> isWrong(one.getValue().problem()))
        .map(
            one ->
                "EnvoyFilter "
                    + one.getValue().name()
                    + " of scope "
                    + one.getKey()
                    + ": "
                    + Objects.requireNonNull(one.getValue().problem()).message)
        .sorted()
        .toList();
  }

  /** Scopes by the failure mode that their sidecars are told. */
  Map<String, Long> counts() {
    return kept.values().stream()
        .filter(told -> told.problem() == null)
        .collect(Collectors.groupingBy(told -> told.failure().word(), Collectors.counting()));
  }

  /**
   * Enforced scopes that may pass what no server can be asked about, by why, in the words of their
   * conditions. Of sidecars it counts those that said so: one that asks nothing is idle, or knows
   * no filter of Kith's, and that is for {@code kith doctor} to say.
   */
  Map<String, Long> open() {
    return open;
  }

  /** Approved destinations of floors, by whether they pass: {@code yes} and {@code no}. */
  Map<String, Long> destinations() {
    return destinations;
  }

  /** EnvoyFilters that were written or deleted. */
  long writes() {
    return writes.sum();
  }
}
