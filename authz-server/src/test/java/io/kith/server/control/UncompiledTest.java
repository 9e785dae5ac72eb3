package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.DB;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.LearningSettings;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** A workload that cannot be compiled goes on with no permission of before, and alone. */
class UncompiledTest {
  private final Set<Workload> broken = ConcurrentHashMap.newKeySet();
  private final Shop.SettableClock clock = new Shop.SettableClock();
  private final Workloads workloads =
      new Workloads(
          new Learners(LearningSettings.defaults(), PublicSuffixes.UNKNOWN),
          new Fold(Modes.of(List.of()), ServerKeys.ephemeral().ring()),
          owner -> {
            if (broken.stream().anyMatch(workload -> workload.owner().equals(owner))) {
              throw new IllegalStateException("tried");
            }
            return HandRules.NONE;
          },
          clock);
  private final GovernedWorkload checkout = workloads.governed(CHECKOUT);
  private final GovernedWorkload catalog = workloads.governed(CATALOG);

  @Test
  void refreshAll_oneFails_theOthersAreCompiledAndItHasNothingToDecideBy() {
    for (var throwing : List.of(CHECKOUT, CATALOG)) { // whichever is first
      broken.clear();
      workloads.retry();
      var before = List.of(snapshot(checkout), snapshot(catalog));
      broken.add(throwing);

      workloads.refreshAll();

      var failed = throwing.equals(CHECKOUT) ? checkout : catalog;
      var other = throwing.equals(CHECKOUT) ? catalog : checkout;
      assertThat(failed.snapshot()).isNull();
      assertThat(failed.problem()).hasMessage("tried");
      assertThat(snapshot(other)).isNotIn(before);
      assertThat(other.problem()).isNull();
    }
    assertThat(workloads.failures()).isEqualTo(2);
  }

  @Test
  void retry_onceItCan_isDecidedAboutAgain() {
    var before = snapshot(checkout);
    broken.add(CHECKOUT);
    workloads.refreshAll();
    workloads.retry();
    assertThat(checkout.snapshot()).as("no Check brings it back").isNull();

    broken.clear();
    assertThat(checkout.snapshot()).as("nor does one later").isNull();
    workloads.retry();

    assertThat(snapshot(checkout)).isNotSameAs(before);
    assertThat(checkout.problem()).isNull();
    assertThat(workloads.failures()).isEqualTo(2);
  }

  @Test
  void atRest_thatCannotBeCompiledWhenItIsAskedFor_hasNothingToDecideBy() {
    broken.add(CHECKOUT);

    assertThat(checkout.snapshot()).isNull();
    assertThat(checkout.problem()).hasMessage("tried");
  }

  @Test
  void status_saysIt() {
    broken.add(CHECKOUT);
    workloads.refreshAll();

    assertThat(new WorkloadView(checkout, false, NOON).state().waitsFor())
        .anyMatch(words -> words.contains("IllegalStateException: tried"));
  }

  @Test
  void ready_ofOneThatCannotBeCompiled_isNothing_andUnderEnforceNothingPasses() throws Exception {
    InstantSource failing =
        () -> {
          if (!broken.isEmpty()) {
            throw new IllegalStateException("tried");
          }
          return clock.instant();
        };
    try (var state =
        ControlState.inMemory(
            Shop.directory(List.of(CHECKOUT, DB)),
            List.of(),
            LearningSettings.defaults(),
            failing,
            1_024,
            _ -> {})) {
      state.record(answered(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), NOON));
      state.flush();
      state.finishTestRun(CHECKOUT.owner(), "suite passed", "test");
      state.setMode(new ScopeName.One(CHECKOUT.owner()), Mode.ENFORCE, "ready", "test");
      state.tidy();
      clock.set(NOON.plus(GovernedWorkload.REST_AFTER).plusSeconds(1));
      state.tidy();
      broken.add(CHECKOUT);

      assertThat(state.ready(CHECKOUT)).isNull();
      assertThat(requireNonNull(state.coming(CHECKOUT)).toCompletableFuture())
          .isCompletedExceptionally();
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
      assertThat(verdict(state)).isInstanceOf(Verdict.Deny.class);

      broken.clear();
      state.tidy();
      assertThat(state.coming(CHECKOUT)).isNull();
      assertThat(verdict(state)).isInstanceOf(Verdict.Allow.class);
      assertThat(state.compileFailures()).isEqualTo(1);
    }
  }

  private static Verdict verdict(ControlState state) {
    return Decider.decide(state.snapshot(CHECKOUT), flow(database(), PAYMENTS), NOON).applied();
  }

  private static Object snapshot(GovernedWorkload workload) {
    return requireNonNull(workload.snapshot());
  }
}
