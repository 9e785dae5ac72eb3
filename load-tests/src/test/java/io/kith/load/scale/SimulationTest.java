package io.kith.load.scale;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.time.Duration;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** With unit costs that are made up, so that what comes of them can be worked out by hand. */
class SimulationTest {
  private static final UnitCosts COSTS =
      new UnitCosts(2, 32, 64, 1, 10, 30, 600, 20, 200, 8, 40, 10, 20, 0.1, 1, 0.05, 10_000);
  private static final Churn.Rates NONE = new Churn.Rates(0, 0, 0);
  private static final Churn.Rates MUCH = new Churn.Rates(50, 20, 10);
  private static final Size SIZE = new Size(40, 1_000, 30, 400);
  private static final Placement.Central CENTRAL = new Placement.Central(10);
  private static final Placement.NodeLocal LOCAL = new Placement.NodeLocal(5);

  private static Simulation simulation(Churn.Rates rates) {
    return new Simulation(COSTS, rates, Duration.ofMinutes(5), Duration.ofMinutes(10), 30, 0.25);
  }

  @Test
  void run_ofOneSeed_isTheSameAgain_andOfAnotherIsNot() {
    var figures = simulation(MUCH).run(SIZE, LOCAL, 1);

    assertThat(simulation(MUCH).run(SIZE, LOCAL, 1)).isEqualTo(figures);
    assertThat(simulation(MUCH).run(SIZE, LOCAL, 2).connections())
        .isNotEqualTo(figures.connections());
  }

  /** A renewal process: open for the age, then closed until the next Check comes. */
  @Test
  void connections_withoutChurn_areOpenAsRenewalTheorySays() {
    var figures = simulation(NONE).run(SIZE, CENTRAL, 1);

    var mesh = new SimulatedMesh(SIZE, 1);
    var expected =
        IntStream.range(0, SIZE.pods())
            .mapToDouble(
                pod -> {
                  var wait = 20 / mesh.checksOfEachPod(mesh.workloadOf(pod));
                  return 20 * 300 / (300 + wait);
                })
            .sum();
    assertThat(figures.connections().open()).isCloseTo(expected, withinPercentage(3));
    assertThat(figures.connections().sampled()).isEqualTo(1);
  }

  @Test
  void connections_onTheNode_areOneForEachWorker() {
    var connections = simulation(NONE).run(SIZE, LOCAL, 1).connections();

    assertThat(connections.open()).isBetween(0.97 * 2 * 1_200, 2.0 * 1_200);
    assertThat(connections.perSecond()).isCloseTo(2 * 1_200 / 300.0, withinPercentage(8));
  }

  @Test
  void connections_ofMorePairsThanAreSimulated_areSampled() {
    var size = new Size(100, 5_000, 100, 400);
    var churn = new Churn(new long[0], java.util.List.of(), 0);

    var connections =
        Connections.simulate(
            new SimulatedMesh(size, 1),
            churn,
            new Placement.Central(1_000),
            300,
            60,
            new SplittableRandom(1));

    assertThat(connections.sampled()).isLessThan(0.2);
    assertThat(connections.open()).isLessThan(2.0 * 10_000 * 1_000);
  }

  @Test
  void restartOfOneServer_isSeenInItsBusiestSecond() {
    var connections = simulation(NONE).run(SIZE, CENTRAL, 1).connections();

    // a tenth of all connections comes back as its Checks come, most of them within seconds
    assertThat(connections.busiestOfOne()).isGreaterThan(10 * connections.perSecond() / 10);
  }

  @Test
  void churn_replacesPods_asOftenAsItsRatesSay() {
    var mesh = new SimulatedMesh(SIZE, 1);

    var churn = Churn.simulate(mesh, MUCH, 3_600, new SplittableRandom(3));

    var expected = 1_200 * (50 + 20) / 24.0;
    assertThat((double) churn.replaced().length).isCloseTo(expected, withinPercentage(10));
    var found = IntStream.range(0, SIZE.pods()).mapToObj(churn::of).mapToInt(of -> of.length).sum();
    assertThat(found).isEqualTo(churn.replaced().length);
    assertThat(churn.newOnNode()).isBetween(1, churn.replaced().length);
  }

  @Test
  void changes_centrally_takeAMessageForEachReplica_andTimeForEachOne() {
    var figures = simulation(NONE).run(SIZE, CENTRAL, 1);

    // only the change of mode in the middle: 20 ms, 0.1 for each replica, 0.04 for each snapshot
    assertThat(figures.fanOut().messagesPerSecond()).isEqualTo(10 / 600.0);
    assertThat(figures.fanOut().allMillis()).isCloseTo(20 + 1 + 40, withinPercentage(0.1));
  }

  @Test
  void changes_onTheNodes_goToControlAndToNodesThatRunTheWorkload() {
    var figures = simulation(NONE).run(SIZE, LOCAL, 1);

    assertThat(figures.fanOut().messagesPerSecond()).isEqualTo((5 + 40) / 600.0);
    assertThat(figures.fanOut().allMillis())
        .isGreaterThan(20 + 0.5 + 8 * 0.02) // eight nodes wait for one of five control replicas
        .isLessThan(20 + 0.5 + 8 * 0.02 + 30 * 0.04 + 0.1);
  }

  @Test
  void writes_neverExceedChecksNorParts() {
    var mesh = new SimulatedMesh(SIZE, 1);

    var perSecond = LearnedWrites.perSecond(mesh, CENTRAL, 30, 60);

    assertThat(perSecond).isPositive().isLessThan(Math.min(16_000, 10 * 1_000 * 30 / 60.0));
    assertThat(LearnedWrites.perSecond(mesh, CENTRAL, 30, 3_600)).isLessThan(perSecond);
    assertThat(LearnedWrites.perSecond(mesh, LOCAL, 30, 60)).isLessThan(perSecond);
  }

  /** They write under their own names, whichever control server takes it. */
  @Test
  void writes_onTheNodes_areOfEachCheckServerThatRunsAPod() {
    var alone = new SimulatedMesh(new Size(1_200, 10, 1, 1e9), 1);
    var together = new SimulatedMesh(new Size(40, 10, 30, 1e9), 1);

    assertThat(LearnedWrites.perSecond(alone, LOCAL, 30, 60))
        .isCloseTo(1_200 * 30 / 60.0, withinPercentage(0.1));
    assertThat(LearnedWrites.perSecond(together, LOCAL, 30, 60))
        .isLessThanOrEqualTo(10 * 40 * 30 / 60.0);
  }

  @Test
  void memory_ofCentralReplicas_isSnapshotsConnectionsAndBridges() {
    var figures = simulation(NONE).run(SIZE, CENTRAL, 1);

    var needed =
        1_000 * 8 / 1_024.0
            + figures.connections().open() * 32 / 1_024 / 10
            + (40 * 64 + 1_200 * 1) / 1_024.0;
    assertThat(figures.memoryGibOfOne() * 1_024)
        .isCloseTo(200 + needed / 0.6, withinPercentage(0.1));
    assertThat(figures.memoryGib()).isCloseTo(10 * figures.memoryGibOfOne(), withinPercentage(0.1));
    assertThat(figures.bridgeStreams()).isEqualTo(400);
    assertThat(figures.checkBytesPerSecond()).isEqualTo(16_000.0 * 600);
  }

  @Test
  void onTheNode_onlyItsOwnSnapshotsAreHeld_andChecksStayThere() {
    var figures = simulation(NONE).run(SIZE, LOCAL, 1);

    assertThat(figures.snapshotMibOfOne()).isLessThanOrEqualTo(30 * 8 / 1_024.0);
    assertThat(figures.checkBytesPerSecond()).isZero();
    assertThat(figures.checksOfOne()).isEqualTo(400);
    assertThat(figures.bridgeStreams()).isEqualTo(40);
  }

  @Test
  void slope_throughPointsOfALine_isThatLine() {
    var slope =
        Slope.of(
            java.util.List.of(
                new Slope.Point(1, 12), new Slope.Point(10, 30), new Slope.Point(20, 50)));

    assertThat(slope.at0()).isCloseTo(10, withinPercentage(0.001));
    assertThat(slope.each()).isCloseTo(2, withinPercentage(0.001));
  }
}
