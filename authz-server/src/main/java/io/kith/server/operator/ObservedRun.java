package io.kith.server.operator;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A run that a server observes: which workloads it drove is seen by the connections that the server
 * counts before and after, so no clocks have to agree.
 */
final class ObservedRun implements TestRun {
  private final ServerOption server;
  private final Surroundings here;
  private final List<String> owners;
  private final Map<String, Long> before;

  private ObservedRun(
      ServerOption server, Surroundings here, List<String> owners, Map<String, Long> before) {
    this.server = server;
    this.here = here;
    this.owners = List.copyOf(owners);
    this.before = before;
  }

  /** Begins now. */
  static ObservedRun on(ServerOption server, Surroundings here, List<String> owners)
      throws Failure, ConfigException, IOException, InterruptedException {
    for (var owner : owners) {
      try {
        Owner.parse(owner);
      } catch (IllegalArgumentException e) {
        throw Failure.usage("--owner: " + e.getMessage());
      }
    }
    return new ObservedRun(server, here, owners, server.ask(here, ObservedRun::connections));
  }

  /** Connections by owner, as far as they are learned from. */
  private static Map<String, Long> connections(AdminServiceBlockingStub admin) {
    var connections = new HashMap<String, Long>();
    for (Edge edge : admin.listEdges(ListEdgesRequest.getDefaultInstance()).getEdgesList()) {
      connections.merge(edge.getOwner(), edge.getConnections(), Long::sum);
    }
    return connections;
  }

  @Override
  public Learned finish(String note)
      throws Failure, ConfigException, IOException, InterruptedException {
    return server.ask(here, admin -> finish(admin, note));
  }

  private Learned finish(AdminServiceBlockingStub admin, String note) throws Failure {
    var driven = driven(connections(admin));
    var silent = owners.stream().filter(owner -> !driven.contains(owner)).toList();
    if (!silent.isEmpty() || driven.isEmpty()) {
      throw Failure.refused(
          (silent.isEmpty() ? "no workload" : String.join(", ", silent))
              + " showed traffic while the command ran, so nothing is proposed (do its proxies ask"
              + " this server? kith status counts Checks)");
    }
    var baselines = new ArrayList<Baseline>();
    var leftOut = new HashMap<Owner, Integer>();
    var notProposed = new ArrayList<String>();
    for (var owner : owners.isEmpty() ? driven : owners) {
      try {
        var finished =
            admin.finishTestRun(
                FinishTestRunRequest.newBuilder().setOwner(owner).setNote(note).build());
        baselines.add(ServerBaselines.get(admin, owner, finished.getRevision()));
        leftOut.put(Owner.parse(owner), finished.getLeftOutCount());
      } catch (StatusRuntimeException e) {
        if (e.getStatus().getCode() != Status.Code.FAILED_PRECONDITION) {
          throw e;
        }
        notProposed.add(String.valueOf(e.getStatus().getDescription()));
      }
    }
    if (!owners.isEmpty() && !notProposed.isEmpty() && !baselines.isEmpty()) {
      throw Failure.refused(
          String.join("; ", notProposed)
              + " (proposed all the same: "
              + baselines.stream()
                  .map(one -> one.owner() + " " + one.revision())
                  .collect(Collectors.joining(", "))
              + ")");
    }
    if (baselines.isEmpty()) {
      throw Failure.refused("nothing is proposed: " + String.join("; ", notProposed));
    }
    return new Learned(baselines, leftOut, notProposed);
  }

  private SortedSet<String> driven(Map<String, Long> after) {
    var driven = new TreeSet<String>();
    after.forEach(
        (owner, connections) -> {
          if (connections > before.getOrDefault(owner, 0L)) {
            driven.add(owner);
          }
        });
    return driven;
  }
}
