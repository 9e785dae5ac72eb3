package io.kith.server.cli;

import io.kith.admin.v1.BridgeStatus;
import io.kith.server.admin.BridgeStatuses;
import io.kith.server.bridge.BridgeHub;
import java.util.ArrayList;
import java.util.List;

/** The attached bridges, as the admin API tells them. */
record AttachedBridges(BridgeHub hub) implements BridgeStatuses {
  @Override
  public List<BridgeStatus> now() {
    return hub.statuses().stream().map(AttachedBridges::message).toList();
  }

  private static BridgeStatus message(io.kith.server.bridge.BridgeStatus status) {
    var problems = new ArrayList<>(status.problems());
    for (var address : status.refusedAddresses()) {
      problems.add("claims " + address + ", which another bridge has");
    }
    return BridgeStatus.newBuilder()
        .setNode(status.node())
        .setRung(status.rung().letter())
        .addAllProblems(problems)
        .setPods(status.pods())
        .setCanaryOk(status.canaryOk())
        .build();
  }
}
