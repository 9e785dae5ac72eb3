package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.decision.Mode;
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

  /** What became of an amendment. */
  sealed interface Outcome {
    /**
     * It may be applied to the state that it was asked of.
     *
     * @param changed the workloads that it is about
     */
    record Taken(Modes modes, Map<Owner, Standing> changed) implements Outcome {
      public Taken {
        changed = Map.copyOf(changed);
      }
    }

    /** It contradicts the state; nothing of it is applied. */
    record Refused(String why) implements Outcome {}
  }

  /** Of every workload. */
  Fold(Modes configured, Keyring keys) {
    this(configured, keys, _ -> true);
  }

  /**
   * Of some workloads; what the log says of the others is passed over.
   *
   * @param held asked with each entry
   */
  Fold(Modes configured, Keyring keys, Predicate<Owner> held) {
    this.modes = requireNonNull(configured, "configured");
    this.keys = requireNonNull(keys, "keys");
    this.held = requireNonNull(held, "held");
  }

  Modes modes() {
    return modes;
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
    return state;
  }

  /** What an amendment would change. */
  Outcome preview(Amendment amendment, Change change) {
    return switch (amendment) {
      case Amendment.SetMode mode -> preview(mode, change);
      case Amendment.Import(var environment, _, var vouchers) ->
          new Outcome.Taken(modes, vouched(environment, vouchers));
      case Amendment.OfWorkload one when !held.test(one.owner()) ->
          new Outcome.Taken(modes, Map.of());
      case Amendment.OfWorkload one ->
          switch (of(one.owner()).amend(one, change, keys)) {
            case Standing.Step.Refused(var why) -> new Outcome.Refused(why);
            case Standing.Step.Taken(var standing) ->
                new Outcome.Taken(modes, Map.of(one.owner(), standing));
          };
    };
  }

  private Outcome preview(Amendment.SetMode amendment, Change change) {
    var changed = new HashMap<Owner, Standing>();
    for (var step : amendment.steps()) {
      var enforce = amendment.mode() == Mode.ENFORCE;
      if (!held.test(step.owner())) {
        continue;
      }
      switch (of(step.owner()).advance(step, enforce, keys, change)) {
        case Standing.Step.Refused(var why) -> {
          return new Outcome.Refused(step.owner() + ": " + why);
        }
        case Standing.Step.Taken(var standing) -> changed.put(step.owner(), standing);
      }
    }
    return new Outcome.Taken(modes.with(amendment.scope(), amendment.mode()), changed);
  }

  private Map<Owner, Standing> vouched(String environment, List<Voucher> vouchers) {
    var byOwner = new HashMap<Owner, List<Voucher>>();
    vouchers.forEach(
        voucher -> byOwner.computeIfAbsent(voucher.owner(), _ -> new ArrayList<>()).add(voucher));
    var changed = new HashMap<Owner, Standing>();
    byOwner.keySet().removeIf(held.negate());
    byOwner.forEach(
        (owner, theirs) -> changed.put(owner, of(owner).vouchedBy(environment, theirs)));
    return changed;
  }

  /** Applies what was previewed, revisions before the modes that need them. */
  void commit(Outcome.Taken taken) {
    standings.putAll(taken.changed());
    modes = taken.modes();
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
      case Amendment.Import(var environment, _, var vouchers) -> {
        var theirs = vouchers.stream().filter(one -> one.owner().equals(owner)).toList();
        yield theirs.isEmpty() ? before : before.vouchedBy(environment, theirs);
      }
      case Amendment.SetMode(_, var mode, var steps) -> {
        var standing = before;
        for (var step : steps) {
          if (step.owner().equals(owner)) {
            standing = taken(standing.advance(step, mode == Mode.ENFORCE, keys, change));
          }
        }
        yield standing;
      }
    };
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
