package io.kith.server.control;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Explanation;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.server.check.CheckRecord;
import java.time.Instant;
import java.util.List;

/** The allow rule that a person makes from a decision. */
final class RuleFromDecision {
  private RuleFromDecision() {}

  /**
   * The edge that would have allowed the decision's process to reach its destination.
   *
   * <p>Code that is not plainly the image's is allowed as this very binary and script.
   *
   * @throws RefusedException when no rule can allow it, or the hashes that it needs are not known
   */
  static Edge of(
      Owner owner, Origin origin, CheckRecord answered, Provenance.ByHand provenance, Instant now)
      throws RefusedException {
    var id = answered.decisionId();
    var flow = answered.flow();
    if (flow == null) {
      throw RefusedException.precondition(
          "decision "
              + id
              + " was refused before its process and destination were read (see kith explain "
              + id
              + " for what to repair)");
    }
    var process = answered.decision().subject();
    if (process == null || process.fingerprint().path().isEmpty()) {
      throw RefusedException.precondition(
          "decision "
              + id
              + " has no known process, so a rule would allow every process (repair the identity"
              + " bridge of the node, see kith status and kith doctor; or set unattributed: allow for"
              + " the scope, in kith.yaml or in the spec of its Scope object)");
    }
    var fingerprint = process.fingerprint();
    var script = fingerprint.script();
    var clean = isOwnCode(fingerprint, origin);
    var sha256 = fingerprint.sha256();
    if (!clean && sha256 == null) {
      throw RefusedException.precondition(unknownHash(id, fingerprint.path()));
    }
    if (!clean && script != null && script.sha256() == null) {
      throw RefusedException.precondition(unknownHash(id, script.path()));
    }
    var edge =
        Edge.byHand(
            process.processClass(),
            DestinationPattern.Exact.of(flow.resolved().destination()),
            clean ? null : sha256,
            clean || script == null ? null : script.sha256(),
            provenance);
    requireItAllows(edge, owner, origin, process, flow, id, now);
    return edge;
  }

  /** Whether every part of the code that runs is known to come from where it has to. */
  static boolean isOwnCode(ProcessFingerprint fingerprint, Origin origin) {
    var script = fingerprint.script();
    var scriptIsClean =
        script == null || script.origin() == origin || fingerprint.entryKind() == EntryKind.MODULE;
    return fingerprint.origin() == origin
        && fingerprint.entryKind() != EntryKind.INLINE
        && fingerprint.injectedMappings().isEmpty()
        && scriptIsClean;
  }

  private static String unknownHash(String id, String path) {
    return "decision "
        + id
        + ": the SHA-256 of '"
        + path
        + "' is not known, and code from outside the image is allowed by its hash only (put it into"
        + " the image, or let it connect again once the bridge has hashed it: bridge.hash in"
        + " kith.yaml)";
  }

  /* A lie about a name or an identity is not forgiven by a rule, and the decider knows that best. */
  private static void requireItAllows(
      Edge edge, Owner owner, Origin origin, Candidate process, Flow flow, String id, Instant now)
      throws RefusedException {
    if (!(flow.attribution() instanceof Attributed(_, var rung, var reasons))) {
      return;
    }
    var only =
        new Flow(flow.spiffeId(), new Attributed(List.of(process), rung, reasons), flow.resolved());
    var rules = Snapshot.Rules.of(Baseline.of(owner, null, List.of()), List.of(edge));
    Decision decision =
        Decider.decide(new Snapshot(Mode.ENFORCE, false, origin, rules, null), only, now);
    if (decision.applied() instanceof Deny deny) {
      throw RefusedException.precondition(
          "decision "
              + id
              + " cannot be allowed by a rule: "
              + Explanation.of(deny, process, flow.resolved().destination()));
    }
  }
}
