package io.kith.load.scale;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;

/**
 * How changes reach the servers: through the database to those that follow it, one change after the
 * other, and from control replicas to the nodes that run the workload, each replica one message
 * after the other.
 *
 * @param perSecond changes
 * @param messagesPerSecond to servers, of all changes
 * @param p50Millis from a change until it is live everywhere
 * @param p99Millis the same
 * @param allMillis the same, for a change of mode, at which a server makes all its snapshots anew
 * @param bytesPerSecond of messages
 */
record FanOut(
    double perSecond,
    double messagesPerSecond,
    double p50Millis,
    double p99Millis,
    double allMillis,
    double bytesPerSecond) {

  /**
   * Lets changes go out in the order of time.
   *
   * @param held snapshots of the server that has most
   */
  static FanOut simulate(
      SimulatedMesh mesh,
      List<Churn.Change> changes,
      Placement placement,
      int held,
      UnitCosts costs,
      double seconds) {
    var followers = placement.followers();
    var service = (costs.changeMillis() + costs.changeMillisPerReplica() * followers) / 1e3;
    var reached = (costs.liveMillis() + costs.liveMillisPerReplica() * followers) / 1e3;
    var databaseFree = 0.0;
    var controlFree = new double[followers];
    var messages = 0L;
    var all = 0.0;
    var taken = new double[changes.size()];
    var nodes = new HashSet<Integer>();
    for (var i = 0; i < taken.length; i++) {
      var change = changes.get(i);
      var start = Math.max(change.second(), databaseFree);
      databaseFree = start + service;
      var live = start + reached;
      messages += followers;
      if (placement instanceof Placement.NodeLocal) {
        nodes.clear();
        if (change.workload() == Churn.Change.ALL) {
          for (var node = 0; node < mesh.size().nodes(); node++) {
            nodes.add(node);
          }
        } else {
          for (var pod = 0; pod < mesh.podsOf(change.workload()); pod++) {
            nodes.add(mesh.nodeOf(mesh.podOf(change.workload(), pod)));
          }
        }
        messages += nodes.size();
        var atControl = live;
        for (var node : nodes) {
          var by = node % followers;
          controlFree[by] = Math.max(atControl, controlFree[by]) + costs.questionMicros() / 1e6;
          live = Math.max(live, controlFree[by]);
        }
      }
      // a server makes the snapshot anew, or all that it has
      live += costs.compileMicros() / 1e6 * (change.workload() == Churn.Change.ALL ? held : 1);
      taken[i] = live - change.second();
      if (change.workload() == Churn.Change.ALL) {
        all = taken[i];
      }
    }
    Arrays.sort(taken);
    return new FanOut(
        taken.length / seconds,
        messages / seconds,
        1e3 * at(taken, 0.5),
        1e3 * at(taken, 0.99),
        1e3 * all,
        messages * costs.revisionKib() * 1_024 / seconds);
  }

  private static double at(double[] sorted, double part) {
    return sorted[Math.min(sorted.length - 1, (int) (sorted.length * part))];
  }
}
