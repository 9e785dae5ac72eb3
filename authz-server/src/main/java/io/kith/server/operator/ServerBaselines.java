package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.GetRevisionRequest;
import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.edge.Baseline;
import io.kith.server.verb.Failure;

/** Baselines as a server hands them out. */
final class ServerBaselines {
  private ServerBaselines() {}

  /** A revision of a workload; the words are those of {@code GetRevisionRequest}. */
  static Baseline get(AdminServiceBlockingStub admin, String owner, String revision)
      throws Failure {
    return read(
        admin
            .getRevision(
                GetRevisionRequest.newBuilder().setOwner(owner).setRevision(revision).build())
            .getText());
  }

  /** The baseline of a text, whose content address is checked. */
  static Baseline read(String text) throws Failure {
    try {
      return BaselineJson.read(text);
    } catch (IllegalArgumentException e) {
      throw Failure.refused("the server sent a baseline that is not one: " + e.getMessage());
    }
  }
}
