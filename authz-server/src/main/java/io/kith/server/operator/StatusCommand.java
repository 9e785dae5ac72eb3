package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.BridgeStatus;
import io.kith.admin.v1.CheckServerStatus;
import io.kith.admin.v1.ClusterStatus;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ResourcesStatus;
import io.kith.admin.v1.WorkloadStatus;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Command;

/** What the server is doing. */
@Command(
    name = "status",
    description = "What the server is doing: workloads, modes, bridges, checks.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith status",
      "  kith status -o json | jq -r '.workloads[] | select(.mode != \"enforce\") | .owner'",
    })
public final class StatusCommand extends AdminVerb<GetStatusResponse> {
  @Override
  GetStatusResponse ask(AdminServiceBlockingStub admin) {
    return admin.getStatus(GetStatusRequest.getDefaultInstance());
  }

  @Override
  void print(GetStatusResponse status, PrintWriter out) {
    out.println(
        "Kith " + status.getServerVersion() + ", running since " + Words.time(status.getStarted()));
    if (!status.getCold().isEmpty()) {
      out.println("  COLD: " + Words.safe(status.getCold()));
    }
    out.println();
    printWorkloads(status.getWorkloadsList(), out);
    out.println();
    printBridges(status.getBridgesList(), !status.getCheckServersList().isEmpty(), out);
    printCheckServers(status.getCheckServersList(), out);
    if (status.hasCluster()) {
      printCluster(status.getCluster(), out);
    }
    out.println();
    printCounts(status, out);
    out.println();
    printStore(status, out);
  }

  private static void printStore(GetStatusResponse status, PrintWriter out) {
    var store = status.getStore();
    if (store.getKind().isEmpty() || store.getKind().equals("memory")) {
      out.println("Baselines and rules are kept in memory: a restart begins learning anew.");
    } else {
      out.println(
          "Store: "
              + store.getKind()
              + ", "
              + Words.count(store.getPosition(), "change")
              + ", this server is "
              + Words.safe(store.getReplica()));
    }
    if (status.hasStore() && !store.getHealthy()) {
      out.println("  STORE: " + Words.safe(store.getProblem()));
    }
    var keys = status.getKeys();
    if (status.hasKeys()) {
      out.println(
          "Keys: learner "
              + keys.getLearner()
              + ", approved by "
              + (keys.getServerApproves()
                  ? "the server for any operator"
                  : String.join(", ", keys.getApproversList())));
    }
    for (var problem : status.getAllowListProblemsList()) {
      out.println("  ALLOW-LIST: " + Words.safe(problem));
    }
    if (status.hasResources()) {
      printResources(status.getResources(), out);
    }
    if (status.getDroppedAnswers() > 0) {
      out.println(
          "  "
              + Long.toUnsignedString(status.getDroppedAnswers())
              + " answers were not learned from, because too many waited; all are counted");
    }
  }

  private static void printResources(ResourcesStatus resources, PrintWriter out) {
    out.println(
        "Of the cluster: "
            + Words.count(resources.getAllowLists(), "EgressAllowList")
            + " and "
            + Words.count(resources.getScopes(), "Scope")
            + " in force"
            + writer(resources));
    if (!resources.getProblem().isEmpty()) {
      out.println("  CLUSTER: " + Words.safe(resources.getProblem()));
    }
    for (var problem : resources.getProblemsList()) {
      out.println("  CLUSTER: " + Words.safe(problem));
    }
  }

  /** Which of several servers writes. */
  private static String writer(ResourcesStatus resources) {
    var name = Words.safe(resources.getWriter());
    if (resources.getWrites()) {
      return name.isEmpty() ? "" : "; this server writes what they say: " + name;
    }
    return name.isEmpty()
        ? "; no server is known to write what they say"
        : "; another server writes what they say: " + name;
  }

  private static void printWorkloads(List<WorkloadStatus> workloads, PrintWriter out) {
    if (workloads.isEmpty()) {
      out.println("No workloads (name them under workloads: in kith.yaml).");
      return;
    }
    var table =
        new Table(
            "WORKLOAD", "MODE", "BASELINE", "APPROVED", "CANDIDATES", "QUARANTINED", "MODE SET BY");
    for (var workload : workloads) {
      table.row(
          workload.getOwner(),
          workload.getMode(),
          workload.getState(),
          Integer.toString(workload.getApprovedEdges()),
          Integer.toString(workload.getCandidateEdges()),
          Integer.toString(workload.getQuarantinedEdges()),
          Words.orDash(workload.getModeFrom()));
    }
    table.print(out);
    for (var workload : workloads) {
      for (var missing : workload.getWaitsForList()) {
        out.println("  " + workload.getOwner() + " waits for: " + Words.safe(missing));
      }
    }
  }

  private static void printCheckServers(List<CheckServerStatus> servers, PrintWriter out) {
    if (servers.isEmpty()) {
      return;
    }
    out.println();
    var table = new Table("CHECK SERVER", "VERSION", "CHANGES", "BEHIND", "PODS", "WORKLOADS");
    for (var server : servers) {
      table.row(
          Words.safe(server.getName()),
          Words.safe(server.getVersion()),
          Long.toUnsignedString(server.getPosition()),
          Long.toUnsignedString(server.getBehind()),
          Integer.toUnsignedString(server.getPods()),
          Integer.toUnsignedString(server.getWorkloads()));
    }
    table.print(out);
    for (var server : servers) {
      if (!server.getProblem().isEmpty()) {
        out.println("  " + Words.safe(server.getName()) + ": " + Words.safe(server.getProblem()));
      }
    }
  }

  private static void printCluster(ClusterStatus cluster, PrintWriter out) {
    out.println();
    out.println(
        "Kubernetes: "
            + Words.safe(cluster.getServer())
            + ", "
            + Words.count(cluster.getPods(), "pod")
            + " of "
            + Words.count(cluster.getWorkloads(), "workload"));
    if (!cluster.getConnected()) {
      out.println(
          "  KUBERNETES: not watched; who is who is as of "
              + Words.time(cluster.getAsOf())
              + (cluster.getProblem().isEmpty() ? "" : ": " + Words.safe(cluster.getProblem())));
    } else if (!cluster.getProblem().isEmpty()) {
      out.println("  KUBERNETES: not everything is watched: " + Words.safe(cluster.getProblem()));
    }
    if (cluster.getUnresolved() > 0) {
      out.println(
          "  pods are nobody's, as their ReplicaSet or Job is not there: "
              + Words.count(cluster.getUnresolved(), "such owner"));
    }
    if (cluster.getSeveralOwnersCount() > 0) {
      out.println(
          "  services of several owners, which are no workload's: "
              + Words.safe(String.join(", ", cluster.getSeveralOwnersList())));
    }
    for (var contradiction : cluster.getContradictionsList()) {
      out.println("  " + Words.safe(contradiction) + ": the configuration counts");
    }
  }

  private static void printBridges(
      List<BridgeStatus> bridges, boolean attachedElsewhere, PrintWriter out) {
    if (bridges.isEmpty() && attachedElsewhere) {
      out.println("No identity bridge is connected here; those of check servers are theirs.");
      return;
    }
    if (bridges.isEmpty()) {
      out.println("No identity bridge is connected: no process can be told apart.");
      return;
    }
    var table = new Table("BRIDGE", "RUNG", "PODS", "SELF-TEST");
    for (var bridge : bridges) {
      table.row(
          bridge.getNode(),
          bridge.getRung(),
          Integer.toString(bridge.getPods()),
          bridge.getCanaryOk() ? "passed" : "failed");
    }
    table.print(out);
    for (var bridge : bridges) {
      for (var problem : bridge.getProblemsList()) {
        out.println("  " + Words.safe(bridge.getNode()) + ": " + Words.safe(problem));
      }
    }
  }

  private static void printCounts(GetStatusResponse status, PrintWriter out) {
    if (status.getCountsCount() == 0) {
      out.println("No Check was answered yet.");
      return;
    }
    var table = new Table("CHECKS", "REASON", "COUNT");
    for (var count : status.getCountsList()) {
      table.row(
          count.getVerdict(),
          Words.orDash(count.getReason()),
          Long.toUnsignedString(count.getCount()));
    }
    table.print(out);
  }
}
