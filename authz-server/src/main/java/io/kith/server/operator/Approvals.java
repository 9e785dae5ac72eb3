package io.kith.server.operator;

import io.kith.admin.v1.Approval;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import java.util.List;

/** An approver's word, as message. */
final class Approvals {
  private Approvals() {}

  /** Signs what the edges grant, as it is computed here and not as somebody says it is. */
  static Approval sign(Owner owner, List<Edge> edges, SigningKey key) {
    var approval = SignedBaseline.approve(owner, edges, key);
    return Approval.newBuilder()
        .setOwner(owner.toString())
        .addAllGrants(approval.grants())
        .setKeyId(approval.signature().keyId())
        .setSignature(approval.signature().base64())
        .build();
  }
}
