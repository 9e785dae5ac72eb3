package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * The log of changes, folded: the modes, and where every workload stands that is held.
 *
 * <p>Two folds of one log with the same keys and configured scopes are equal. Written by one thread
 * at a time; may be read by all.
 */
final class Fold {
  private final Keyring keys;
  private final Predicate<Owner> held;
  private final ConcurrentHashMap<Owner, Standing> standings = new ConcurrentHashMap<>();
  private volatile Modes modes;
  private volatile ClusterLists lists;

  /** What became of an amendment. */
  sealed interface Outcome {
    /**
     * It may be applied to the state that it was asked of.
     *
     * @param changed the workloads that it is about
     * @param scopes whose workloads are governed by other modes or lists, beside those
     */
    record Taken(
        Modes modes, ClusterLists lists, Map<Owner, Standing> changed, Set<ScopeName> scopes)
        implements Outcome {
      public Taken {
        changed = Map.copyOf(changed);
        scopes = Set.copyOf(scopes);
      }
    }

    /** It contradicts the state; nothing of it is applied. */
    record Refused(String why) implements Outcome {}
  }

  /** Of every workload. */
  Fold(Modes configured, Keyring keys) {
    this(configured, keys, PublicSuffixes.UNKNOWN, _ -> true);
  }

  /**
   * Of some workloads; what the log says of the others is passed over.
   *
   * @param suffixes by which lists are read
   * @param held asked with each entry
   */
  Fold(Modes configured, Keyring keys, PublicSuffixes suffixes, Predicate<Owner> held) {
    this.modes = requireNonNull(configured, "configured");
    this.lists = ClusterLists.none(suffixes);
    this.keys = requireNonNull(keys, "keys");
    this.held = requireNonNull(held, "held");
  }

  Modes modes() {
    return modes;
  }

  ClusterLists lists() {
    return lists;
  }

  Keyring keys() {
    return keys;
  }

  Standing of(Owner owner) {
    var standing = standings.get(owner);
    return standing == null ? Standing.none(owner) : standing;
  }

  /** The workloads that the log speaks of. */
  Set<Owner> owners() {
    return Set.copyOf(standings.keySet());
  }

  /** All of it, to be compared. */
  Map<String, Object> state() {
    var state = new TreeMap<String, Object>();
    standings.forEach((owner, standing) -> state.put(owner.toString(), standing));
    state.put("modes", modes);
    state.put("lists", lists.texts());
    return state;
  }

  /** What an amendment would change. */
  Outcome preview(Amendment amendment, Change change) {
    return preview(amendment, change, keys);
  }

  /** The same by these keys, which trust what {@link #keys} do. */
  Outcome preview(Amendment amendment, Change change, Keyring by) {
    return switch (amendment) {
      case Amendment.SetMode(var scope, var mode, var steps) ->
          stepped(modes.with(scope, mode), scope, mode, steps, change, by);
      case Amendment.InheritMode(var scope, _) ->
          new Outcome.Taken(modes.inherited(scope), lists, Map.of(), Set.of(scope));
      case Amendment.Declare(var scope, var declared, var steps) ->
          stepped(
              modes.declared(scope, declared),
              scope,
              declared == null ? Mode.OBSERVE : declared.mode(),
              steps,
              change,
              by);
      case Amendment.WriteList(var object, var text) -> {
        var next = lists.with(object, text);
        yield new Outcome.Taken(modes, next, Map.of(), lists.touched(object, next));
      }
      case Amendment.Import imported -> taken(vouched(imported));
      case Amendment.OfWorkload one when !held.test(one.owner()) -> taken(Map.of());
      case Amendment.OfWorkload one ->
          switch (of(one.owner()).amend(one, change, by)) {
            case Standing.Step.Refused(var why) -> new Outcome.Refused(why);
            case Standing.Step.Taken(var standing) -> taken(Map.of(one.owner(), standing));
          };
    };
  }

  /** What was previewed of workloads that stand as they did, beside modes and lists as of now. */
  Outcome.Taken again(Outcome.Taken before) {
    return taken(before.changed());
  }

  private Outcome.Taken taken(Map<Owner, Standing> changed) {
    return new Outcome.Taken(modes, lists, changed, Set.of());
  }

  private Outcome stepped(
      Modes next,
      ScopeName scope,
      Mode mode,
      List<Amendment.SetMode.Step> steps,
      Change change,
      Keyring by) {
    var changed = new HashMap<Owner, Standing>();
    for (var step : steps) {
      var enforce = mode == Mode.ENFORCE;
      if (!held.test(step.owner())) {
        continue;
      }
      switch (of(step.owner()).advance(step, enforce, by, change)) {
        case Standing.Step.Refused(var why) -> {
          return new Outcome.Refused(step.owner() + ": " + why);
        }
        case Standing.Step.Taken(var standing) -> changed.put(step.owner(), standing);
      }
    }
    return new Outcome.Taken(next, lists, changed, Set.of(scope));
  }

  private Map<Owner, Standing> vouched(Amendment.Import imported) {
    var byOwner = new HashMap<Owner, List<Voucher>>();
    imported.withdrawn().forEach(owner -> byOwner.put(owner, new ArrayList<>()));
    imported
        .vouchers()
        .forEach(one -> byOwner.computeIfAbsent(one.owner(), _ -> new ArrayList<>()).add(one));
    var changed = new HashMap<Owner, Standing>();
    byOwner.keySet().removeIf(held.negate());
    byOwner.forEach((owner, theirs) -> changed.put(owner, of(owner).vouchedBy(imported, theirs)));
    return changed;
  }

  /** Applies what was previewed, revisions before the modes that need them. */
  void commit(Outcome.Taken taken) {
    standings.putAll(taken.changed());
    modes = taken.modes();
    lists = taken.lists();
  }

  /**
   * Where a workload stands after an entry of the log that was folded before.
   *
   * @param before where it stood
   * @throws IllegalArgumentException when the entry contradicts that
   */
  Standing replay(Standing before, Owner owner, Amendment amendment, Change change) {
    return switch (amendment) {
      case Amendment.OfWorkload one ->
          one.owner().equals(owner) ? taken(before.amend(one, change, keys)) : before;
      case Amendment.Import imported -> {
        var theirs = imported.vouchers().stream().filter(one -> one.owner().equals(owner)).toList();
        yield theirs.isEmpty() && !imported.withdrawn().contains(owner)
            ? before
            : before.vouchedBy(imported, theirs);
      }
      case Amendment.SetMode(_, var mode, var steps) -> replay(before, owner, mode, steps, change);
      case Amendment.Declare(_, var declared, var steps) ->
          declared == null ? before : replay(before, owner, declared.mode(), steps, change);
      case Amendment.InheritMode _, Amendment.WriteList _ -> before;
    };
  }

  private Standing replay(
      Standing before, Owner owner, Mode mode, List<Amendment.SetMode.Step> steps, Change change) {
    var standing = before;
    for (var step : steps) {
      if (step.owner().equals(owner)) {
        standing = taken(standing.advance(step, mode == Mode.ENFORCE, keys, change));
      }
    }
    return standing;
  }

  private static Standing taken(Standing.Step step) {
    return switch (step) {
      case Standing.Step.Taken(var standing) -> standing;
      case Standing.Step.Refused(var why) -> throw new IllegalArgumentException(why);
    };
  }

  /** Knows a workload from now on. */
  void put(Owner owner, Standing standing) {
    standings.put(owner, standing);
  }

  /** Knows it no more. */
  void remove(Owner owner) {
    standings.remove(owner);
  }
}
