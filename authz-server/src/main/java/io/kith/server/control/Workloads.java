package io.kith.server.control;

import io.kith.baselines.edge.HandRules;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Every workload that is known, by owner. Thread-safe; finding one takes no lock. */
final class Workloads {
  private final ConcurrentHashMap<Owner, GovernedWorkload> byOwner = new ConcurrentHashMap<>();
  private final Learners learners;
  private final Fold fold;
  private final Function<Owner, HandRules> files;
  private final InstantSource clock;
  private final LongAdder failures = new LongAdder();

  Workloads(Learners learners, Fold fold, Function<Owner, HandRules> files, InstantSource clock) {
    this.learners = learners;
    this.fold = fold;
    this.files = files;
    this.clock = clock;
  }

  GovernedWorkload governed(Workload workload) {
    var found = byOwner.get(workload.owner());
    return found == null ? added(workload) : found;
  }

  /*
   * A change is published and then visits the workloads, and a visit reads what is published. So a
   * workload that is added meanwhile is either visited, or reads the published state here.
   */
  private GovernedWorkload added(Workload workload) {
    var fresh = prepared(workload);
    fresh.refresh(clock.instant());
    var before = byOwner.putIfAbsent(workload.owner(), fresh);
    if (before != null) {
      return before;
    }
    fresh.catchUp(clock.instant());
    return fresh;
  }

  /** A workload that is not known yet: known only when it is {@link #put}. */
  GovernedWorkload prepared(Workload workload) {
    return new GovernedWorkload(workload, learners, fold, files, clock, failures);
  }

  /** Knows a prepared workload from now on. */
  void put(GovernedWorkload workload) {
    workload.refresh(clock.instant());
    byOwner.put(workload.owner(), workload);
    workload.catchUp(clock.instant()); // as in added
  }

  /** Knows it no more. */
  void remove(Owner owner) {
    byOwner.remove(owner);
  }

  /** The workload, or null. */
  @Nullable GovernedWorkload find(Owner owner) {
    return byOwner.get(owner);
  }

  GovernedWorkload known(Owner owner) throws RefusedException {
    var found = byOwner.get(owner);
    if (found == null) {
      var some = inOrder().stream().limit(10).map(GovernedWorkload::owner).toList();
      throw RefusedException.notFound(
          "workload '"
              + owner
              + "' is not known (known: "
              + (some.isEmpty() ? "none" : some)
              + ")");
    }
    return found;
  }

  /** One, or all when the owner is null. */
  List<GovernedWorkload> asked(@Nullable Owner owner) throws RefusedException {
    return owner == null ? inOrder() : List.of(known(owner));
  }

  List<GovernedWorkload> inOrder() {
    return byOwner.values().stream().sorted(Comparator.comparing(GovernedWorkload::owner)).toList();
  }

  int count() {
    return byOwner.size();
  }

  List<String> namespaces() {
    return byOwner.keySet().stream().map(Owner::namespace).distinct().sorted().toList();
  }

  boolean isEmpty(Function<Owner, Boolean> covered) {
    return byOwner.keySet().stream().noneMatch(covered::apply);
  }

  void refreshAll() {
    refreshAll(_ -> true);
  }

  /** Of those only. */
  void refreshAll(Predicate<Owner> some) {
    var now = clock.instant();
    byOwner.forEach(
        (owner, workload) -> {
          if (some.test(owner)) {
            workload.refresh(now);
          }
        });
  }

  /** Tries those again that could not be compiled. */
  void retry() {
    var now = clock.instant();
    byOwner.values().stream()
        .filter(workload -> workload.problem() != null)
        .forEach(workload -> workload.refresh(now));
  }

  /** Times that a workload could not be compiled. */
  long failures() {
    return failures.sum();
  }

  /** Lets go of the snapshots that no Check asked for in a long time. */
  void rest() {
    var now = clock.instant();
    byOwner.values().forEach(workload -> workload.rest(now));
  }
}
