package io.kith.server.cli;

import static io.kith.server.admin.Timestamps.timestamp;

import io.kith.admin.v1.CheckServerStatus;
import io.kith.server.admin.CheckServerStatuses;
import io.kith.server.fleet.CheckServers;
import java.util.List;

/** The check servers that follow this server, as the admin API tells them. */
record FollowingServers(CheckServers servers) implements CheckServerStatuses {
  @Override
  public List<CheckServerStatus> now() {
    return servers.statuses().stream()
        .map(
            one ->
                CheckServerStatus.newBuilder()
                    .setName(one.name())
                    .setVersion(one.version())
                    .setPosition(one.position())
                    .setBehind(one.behind())
                    .setPods(one.pods())
                    .setWorkloads(one.workloads())
                    .setProblem(one.problem())
                    .setSince(timestamp(one.since()))
                    .build())
        .toList();
  }
}
