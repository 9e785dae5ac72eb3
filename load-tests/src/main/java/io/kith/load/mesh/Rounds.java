package io.kith.load.mesh;

import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.DecisionRecord;
import io.kith.load.tools.Command;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Rounds of normal work in a mesh, as applications do it: what fails is tried again, unless Kith
 * decided to refuse it. Only that is a mistake; the rest is a busy machine, and counted.
 */
public final class Rounds {
  private final Mesh mesh;
  private final Predicate<DecisionRecord> excused;
  private int repeated;

  public Rounds(Mesh mesh) {
    this(mesh, _ -> false);
  }

  /**
   * Rounds of which some may be refused by a decision.
   *
   * @param excused refusals that are no mistake either
   */
  public Rounds(Mesh mesh, Predicate<DecisionRecord> excused) {
    this.mesh = mesh;
    this.excused = excused;
  }

  /** Rounds that were done again so far. */
  public int repeated() {
    return repeated;
  }

  /**
   * One round that ends with the upstreams' own tokens.
   *
   * @throws IllegalStateException when something of it was refused by a decision, or none ended
   *     well within {@link Mesh#PATIENCE}
   */
  public void succeed() throws IOException, InterruptedException {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var began = Instant.now();
      var outcomes = mesh.work();
      if (outcomes.stream()
          .map(outcome -> outcome.stdout())
          .toList()
          .equals(mesh.expectedOfWork())) {
        return;
      }
      var refusals = refusalsSince(began);
      if (System.nanoTime() > end || refusals.stream().anyMatch(this::isMistake)) {
        throw new IllegalStateException(
            "normal work failed, refused: "
                + refusals
                + "; learned: "
                + mesh.edges()
                + "; it said: "
                + outcomes.stream()
                    .map(outcome -> Command.tail(outcome.stdout() + outcome.stderr(), 5))
                    .collect(Collectors.joining("; ")));
      }
      repeated++;
    }
  }

  private boolean isMistake(DecisionRecord refusal) {
    return !Mesh.NOT_DECIDED.contains(refusal.getReason())
        && !hasAnothersPort(refusal)
        && !excused.test(refusal);
  }

  /**
   * Whether the kernel gave it a port that another process had to the same place within seconds.
   */
  public static boolean hasAnothersPort(DecisionRecord refusal) {
    return refusal.getRemarksList().stream()
        .anyMatch(
            remark -> remark.endsWith("processes used these addresses of late: all of them count"));
  }

  /** None when there is no server to ask. */
  private List<DecisionRecord> refusalsSince(Instant moment) {
    try {
      return mesh.denialsSince(moment);
    } catch (StatusRuntimeException _) {
      return List.of();
    }
  }

  /**
   * At least so many rounds, and more until each of their destinations is among the learned edges.
   *
   * @throws IllegalStateException when that does not come to be within {@link Mesh#PATIENCE}
   */
  public void untilLearned(int atLeast) throws IOException, InterruptedException {
    for (var i = 0; i < atLeast; i++) {
      succeed();
    }
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (var missing = notLearned(); !missing.isEmpty(); missing = notLearned()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            "not learned within %d s: %s; the latest decisions: %s"
                .formatted(Mesh.PATIENCE.toSeconds(), missing, mesh.decisions(10)));
      }
      succeed();
      repeated++;
    }
  }

  /** Where the checkout works with, and no edge goes that may be approved. */
  private List<String> notLearned() {
    var ports =
        mesh.edges().stream()
            .filter(edge -> !edge.getState().equals("quarantined"))
            .map(edge -> edge.getPort())
            .collect(Collectors.toSet());
    return List.of(mesh.database(), mesh.catalog(), mesh.payments()).stream()
        .filter(to -> !ports.contains(to.port()) && !ports.contains(mesh.shop().place(to).port()))
        .map(to -> to.host().name() + ":" + to.port())
        .toList();
  }
}
