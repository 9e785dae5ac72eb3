package io.kith.load.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.baselines.decision.Mode;
import io.kith.load.mesh.Fault.Answer;
import io.kith.load.mesh.Fault.Cell;
import io.kith.load.tools.Envoy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * A mesh whose parts break and are mended, in one mode after the other, and what passes meanwhile.
 */
final class FailingMesh {
  private static final Duration LIMIT = Duration.ofMinutes(4);

  private final Mesh mesh;
  private final Envoy envoy;
  private final Breakage breakage;
  private Mode mode = Mode.OBSERVE;
  private boolean learned;
  private Instant began = Instant.now();

  /**
   * Observed, so far.
   *
   * @param disk where the server's store is: a small file system
   * @param time of the server
   */
  FailingMesh(Mesh mesh, Envoy envoy, Path disk, FakeTime time) {
    this.mesh = mesh;
    this.envoy = envoy;
    this.breakage = new Breakage(mesh, envoy, disk, time);
  }

  /** Sets the mode as an operator would: learns before, and closes the filter to enforce. */
  void enter(Mode next) throws Exception {
    if (mode == next) {
      return;
    }
    if (!learned) {
      new Rounds(mesh).untilLearned(3);
      var _ =
          mesh.admin()
              .finishTestRun(
                  FinishTestRunRequest.newBuilder()
                      .setOwner(Mesh.CHECKOUT)
                      .setNote("test run")
                      .build());
      learned = true;
    }
    var _ =
        mesh.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(Mesh.CHECKOUT)
                    .setMode(next.word())
                    .setNote("test")
                    .build());
    if (next == Mode.ENFORCE || mode == Mode.ENFORCE) {
      mesh.startEnvoy(envoy, next != Mode.ENFORCE);
    }
    mode = next;
    breakage.enforced(mode == Mode.ENFORCE);
    awaitDecisions();
  }

  /** Breaks something, asserts what passes meanwhile, mends it, and waits until it works. */
  void suffer(Fault fault, Fault.Proof.WithEnvoy proof) throws Exception {
    began = Instant.now();
    var cell = fault.cell(mode);
    try {
      var before = breakage.counted(cell);
      proof.begin().happen(breakage);
      expect(cell);
      breakage.awaitCounted(cell, before);
    } catch (Exception | AssertionError e) {
      try {
        proof.end().happen(breakage);
      } catch (Exception | AssertionError also) {
        e.addSuppressed(also);
      }
      throw e;
    }
    proof.end().happen(breakage);
    expectRecorded(cell);
    awaitDecisions();
  }

  private void expect(Cell cell) throws Exception {
    switch (cell.answer()) {
      case PASSES -> EnforcedMesh.assertWorks(mesh);
      case REFUSED -> EnforcedMesh.assertNothingPasses(mesh);
      case AS_DECIDED -> {
        EnforcedMesh.assertWorks(mesh);
        expectDecisionAboutIntruder();
      }
      case APPROVED_OR_REFUSED -> throw new AssertionError("there is no floor here");
      case NOT_ENTERED -> throw new AssertionError(mode + " was entered");
      case IN_TIME_OR_REFUSED -> {
        awaitSomethingInTime();
        assertThat(mesh.run(Attack.ANOTHER_PROGRAM).stdout())
            .doesNotContain(mesh.database().token());
      }
    }
  }

  /** Normal work, again and again, until one of its upstreams answers it. */
  private void awaitSomethingInTime() throws Exception {
    var tokens = List.of(mesh.database().token(), mesh.catalog().token(), mesh.payments().token());
    var end = System.nanoTime() + LIMIT.toNanos();
    while (mesh.work().stream()
        .noneMatch(outcome -> tokens.stream().anyMatch(outcome.stdout()::contains))) {
      assertThat(System.nanoTime()).as("some Check is answered in time").isLessThan(end);
    }
  }

  /** Not under observe, where the intruder would be learned. */
  private void expectDecisionAboutIntruder() throws Exception {
    var intruder = Attack.ANOTHER_PROGRAM;
    switch (mode) {
      case OBSERVE -> {}
      case SHADOW -> {
        assertThat(mesh.passes(intruder)).isTrue();
        assertThat(decisions())
            .anySatisfy(
                decision -> {
                  assertThat(decision.getProcess()).isEqualTo(intruder.process());
                  assertThat(decision.getShadowVerdict()).isEqualTo("deny");
                  assertThat(decision.getExplanation()).contains("(" + intruder.reason() + ")");
                });
      }
      case ENFORCE -> {
        assertThat(mesh.refusal(intruder).getReason()).isEqualTo(intruder.reason());
        assertThat(mesh.run(intruder).stdout()).doesNotContain(mesh.database().token());
      }
    }
  }

  /** Nothing is refused that passes, and what was not decided is recorded with its reason. */
  private void expectRecorded(Cell cell) {
    switch (mode) {
      case OBSERVE -> assertThat(denials()).isEmpty();
      case SHADOW -> {
        assertThat(denials()).isEmpty();
        if (!cell.reason().isEmpty()) {
          assertThat(decisions())
              .anySatisfy(
                  decision -> {
                    assertThat(decision.getShadowVerdict()).isEqualTo("deny");
                    assertThat(decision.getExplanation()).contains("(" + cell.reason() + ")");
                  });
        }
      }
      case ENFORCE -> {
        if (!cell.reason().isEmpty()) {
          assertThat(denials())
              .filteredOn(
                  denial -> cell.answer() != Answer.IN_TIME_OR_REFUSED || !isOfIntruder(denial))
              .extracting(DecisionRecord::getReason)
              .contains(cell.reason())
              .isSubsetOf(Mesh.NOT_DECIDED);
        }
      }
    }
  }

  /** Who is nobody's was told in time that it is. */
  private static boolean isOfIntruder(DecisionRecord denial) {
    var intruder = Attack.ANOTHER_PROGRAM;
    return denial.getProcess().equals(intruder.process())
        && denial.getReason().equals(intruder.reason());
  }

  private List<DecisionRecord> denials() {
    return mesh.denialsSince(began);
  }

  private List<DecisionRecord> decisions() {
    return mesh.decisions(1_000).stream().filter(decision -> isSince(decision, began)).toList();
  }

  private static boolean isSince(DecisionRecord decision, Instant moment) {
    var time = decision.getTime();
    return !Instant.ofEpochSecond(time.getSeconds(), time.getNanos()).isBefore(moment);
  }

  /**
   * Whoever had the port of a connection within seconds may be meant by a question about it, so
   * normal work that gets one of the flood's is refused as the flood. By the next it passes.
   */
  private static boolean isOfStorm(DecisionRecord refusal) {
    return refusal.getProcess().equals(Breakage.STORM_PROCESS);
  }

  /** Normal work goes on, and is decided by who does it: nothing passes for want of an answer. */
  private void awaitDecisions() throws Exception {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      var before = Instant.now();
      new Rounds(mesh, FailingMesh::isOfStorm).succeed();
      if (mesh.decisions(100).stream()
          .filter(decision -> isSince(decision, before))
          .anyMatch(decision -> !decision.getProcess().isEmpty())) {
        return;
      }
      assertThat(System.nanoTime()).as("Checks are decided again").isLessThan(end);
    }
  }
}
