package io.kith.load.scale;

/*
 * In closed form, for every workload: the expected number of distinct parts that are touched in an
 * interval, when Checks are a Poisson process, fall on edges as 1/rank and on servers evenly.
 */
/** Rows of learned parts that replicas write, since counts are written when they have changed. */
final class LearnedWrites {
  private LearnedWrites() {}

  /**
   * Parts a second, of all replicas.
   *
   * @param interval seconds between two writes of what only counted on
   */
  static double perSecond(SimulatedMesh mesh, Placement placement, int edges, double interval) {
    var weights = 0.0;
    for (var edge = 1; edge <= edges; edge++) {
      weights += 1.0 / edge;
    }
    var touched = 0.0;
    for (var workload = 0; workload < mesh.size().workloads(); workload++) {
      var pods = mesh.podsOf(workload);
      var writers =
          switch (placement) {
            case Placement.Central(var replicas) -> replicas;
            case Placement.NodeLocal _ -> mesh.nodesOf(workload);
          };
      var checks = mesh.checksOfEachPod(workload) * pods * interval;
      for (var edge = 1; edge <= edges; edge++) {
        touched += writers * -Math.expm1(-checks / (edge * weights * writers));
      }
    }
    return touched / interval;
  }
}
