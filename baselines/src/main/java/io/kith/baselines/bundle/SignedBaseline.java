package io.kith.baselines.bundle;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.Keyring.Role;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.ContentId;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Json;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;

/**
 * A revision as a store keeps it: whoever can write to the store cannot write policy.
 *
 * <p>The revision as a whole has one signature, by the learner or by an approver. Edges that leave
 * the mesh, or are by hand, need an approver's: on the whole, or over what such edges grant.
 * Approvals hold for later revisions too, so the learner may go on without a person as long as it
 * adds nothing that leaves the mesh.
 *
 * @param text {@link BaselineJson} of the revision
 * @param signature of the learner or an approver, over the text
 * @param approvals for edges that leave the mesh; may hold more than the revision needs
 */
public record SignedBaseline(String text, Seal signature, List<Approval> approvals) {
  private static final String REVISION_TYPE = "application/vnd.kith.baseline+json";
  private static final String APPROVAL_TYPE = "application/vnd.kith.approval+json";

  public SignedBaseline {
    requireNonNull(text, "text");
    requireNonNull(signature, "signature");
    approvals = List.copyOf(approvals);
  }

  /**
   * A signature.
   *
   * @param keyId {@link Keyring#idOf} the key
   * @param base64 64 bytes
   */
  public record Seal(String keyId, String base64) {}

  /**
   * An approver's word for edges of a workload.
   *
   * @param grants {@link #grantOf} the edges, sorted
   */
  public record Approval(Owner owner, List<String> grants, Seal signature) {
    public Approval {
      grants = grants.stream().distinct().sorted().toList();
    }
  }

  /** What became of a revision. */
  public sealed interface Verified {
    /** It may be enforced. */
    record Accepted(Baseline baseline) implements Verified {}

    /** It may not, in whole. */
    record Refused(String why) implements Verified {}
  }

  /** Signs a revision. */
  public static SignedBaseline sign(Baseline baseline, SigningKey key, List<Approval> approvals) {
    var text = BaselineJson.write(baseline);
    return new SignedBaseline(text, seal(REVISION_TYPE, text, key), approvals);
  }

  /** Approves edges of a workload. */
  public static Approval approve(Owner owner, List<Edge> edges, SigningKey approver) {
    var grants = edges.stream().map(edge -> grantOf(owner, edge)).distinct().sorted().toList();
    return new Approval(owner, grants, seal(APPROVAL_TYPE, approvalText(owner, grants), approver));
  }

  /**
   * What an edge grants, as 64 hex digits: workload, process, destination, strictness, hashes and
   * end. Where it came from and its id are no part of it.
   */
  public static String grantOf(Owner owner, Edge edge) {
    var map = new LinkedHashMap<>(BaselineJson.map(edge));
    map.remove("id");
    map.remove("provenance");
    map.put("owner", owner.toString());
    var until = edge.provenance().until();
    if (until != null) {
      map.put("until", until.toString());
    }
    return ContentId.of("", 64, Json.write(map));
  }

  /** Verifies everything; a revision is taken as a whole or not at all. */
  public Verified verify(Keyring keys) {
    return switch (authentic(keys)) {
      case Verified.Refused refused -> refused;
      case Verified.Accepted(var baseline) -> approved(baseline, signature, approvals, keys);
    };
  }

  /** Verifies the approvals of a revision whose own signature was found to be good. */
  public static Verified approved(
      Baseline baseline, Seal signature, List<Approval> approvals, Keyring keys) {
    var missing = unapproved(baseline, signature, approvals, keys);
    return missing.isEmpty()
        ? new Verified.Accepted(baseline)
        : new Verified.Refused(
            missing.size()
                + " without an approver's signature, though by hand or out of the mesh: "
                + missing.getFirst().words()
                + (missing.size() > 1 ? ", …" : "")
                + " (approve them)");
  }

  /** Verifies the revision's own signature; a revision may still lack approvals to decide. */
  public Verified authentic(Keyring keys) {
    var role = keys.roleOf(signature.keyId());
    if (role != Role.LEARNER && role != Role.APPROVER) {
      return new Verified.Refused(
          "signed by '"
              + Dsse.printable(signature.keyId())
              + "' (expected: the learner's key or an approver's)");
    }
    if (!holds(REVISION_TYPE, text, signature, keys)) {
      return new Verified.Refused(
          "changed after it was signed by " + signature.keyId() + " (restore it, or draft again)");
    }
    try {
      return new Verified.Accepted(BaselineJson.read(text));
    } catch (IllegalArgumentException e) {
      return new Verified.Refused("not a revision: " + e.getMessage());
    }
  }

  /** The edges of a baseline that need an approver and that no approval here covers. */
  public List<Edge> unapproved(Baseline baseline, Keyring keys) {
    return unapproved(baseline, signature, approvals, keys);
  }

  /** The same of a baseline that was signed so. */
  public static List<Edge> unapproved(
      Baseline baseline, Seal signature, List<Approval> approvals, Keyring keys) {
    if (keys.roleOf(signature.keyId()) == Role.APPROVER) {
      return List.of();
    }
    var granted = granted(baseline.owner(), approvals, keys);
    return baseline.edges().stream()
        .filter(SignedBaseline::needsApprover)
        .filter(edge -> !granted.contains(grantOf(baseline.owner(), edge)))
        .toList();
  }

  /** Whether an approver whose key is trusted signed it as it is. */
  public static boolean holds(Approval approval, Keyring keys) {
    return keys.roleOf(approval.signature().keyId()) == Role.APPROVER
        && holds(
            APPROVAL_TYPE,
            approvalText(approval.owner(), approval.grants()),
            approval.signature(),
            keys);
  }

  /**
   * Whether it leaves the mesh, or is by hand: a learner neither opens the mesh nor speaks for a
   * person.
   */
  public static boolean needsApprover(Edge edge) {
    return !InMesh.holds(edge.destination()) || edge.provenance() instanceof Provenance.ByHand;
  }

  private static Set<String> granted(Owner owner, List<Approval> approvals, Keyring keys) {
    var granted = new HashSet<String>();
    for (var approval : approvals) {
      if (approval.owner().equals(owner) && holds(approval, keys)) {
        granted.addAll(approval.grants());
      }
    }
    return granted;
  }

  private static String approvalText(Owner owner, List<String> grants) {
    return Json.write(java.util.Map.of("owner", owner.toString(), "grants", grants));
  }

  private static Seal seal(String type, String text, SigningKey key) {
    return new Seal(key.id(), Dsse.base64(key.sign(Dsse.message(type, text.getBytes(UTF_8)))));
  }

  private static boolean holds(String type, String text, Seal seal, Keyring keys) {
    try {
      return keys.verifies(
          seal.keyId(), Dsse.message(type, text.getBytes(UTF_8)), Dsse.bytes(seal.base64()));
    } catch (IllegalArgumentException _) {
      return false; // not base64
    }
  }
}
