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

/**
 * The log of changes, folded: the modes, and where every workload stands.
 *
 * <p>Two folds of one log with the same keys and configured scopes are equal. Written by one thread
 * at a time; may be read by all.
 */
final class Fold {
  private final Keyring keys;
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

  Fold(Modes configured, Keyring keys) {
    this.modes = requireNonNull(configured, "configured");
    this.keys = requireNonNull(keys, "keys");
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
    byOwner.forEach(
        (owner, theirs) -> changed.put(owner, of(owner).vouchedBy(environment, theirs)));
    return changed;
  }

  /** Applies what was previewed, revisions before the modes that need them. */
  void commit(Outcome.Taken taken) {
    standings.putAll(taken.changed());
    modes = taken.modes();
  }
}
