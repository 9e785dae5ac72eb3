package io.kith.server.admin;

import static io.kith.server.admin.Timestamps.timestamp;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.InMesh;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Explanation;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.KnownEdge;
import io.kith.server.control.VerdictCount;
import io.kith.server.control.WorkloadState;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The domain as messages of the admin API. */
final class AdminMessages {
  /** Stands for the destination of what was refused before it had one; no sentence names it. */
  private static final Destination NOWHERE =
      new Destination("unknown", Evidence.ADDRESS, null, 1, Protocol.TCP);

  private AdminMessages() {}

  static io.kith.admin.v1.WorkloadStatus workload(WorkloadState state) {
    return io.kith.admin.v1.WorkloadStatus.newBuilder()
        .setOwner(state.owner().toString())
        .setMode(state.mode().word())
        .setState(state.stage().word())
        .setApprovedEdges(state.approvedEdges())
        .setCandidateEdges(state.candidateEdges())
        .setQuarantinedEdges(state.quarantinedEdges())
        .addAllWaitsFor(state.waitsFor())
        .setModeFrom(state.modeFrom())
        .build();
  }

  static io.kith.admin.v1.VerdictCount count(VerdictCount count) {
    return io.kith.admin.v1.VerdictCount.newBuilder()
        .setVerdict(count.verdict())
        .setReason(count.reason())
        .setCount(count.count())
        .build();
  }

  static Edge edge(KnownEdge known) {
    var message =
        Edge.newBuilder()
            .setId(known.edge().id())
            .setOwner(known.owner().toString())
            .setProcess(known.process())
            .setState(known.state().word())
            .setProvenance(known.edge().provenance().words())
            .setWhy(known.why());
    switch (known.edge().destination()) {
      case DestinationPattern.Exact(var name, _, var port, _) ->
          message.setDestination(name).setPort(port);
      case DestinationPattern.HostWildcard(var shape, var parent, _, var port, _) ->
          message.setDestination((shape == null ? "*" : shape) + "." + parent).setPort(port);
      case DestinationPattern.AddressBlock(var network, var prefix, var port, _) ->
          message.setDestination(network + "/" + prefix).setPort(port);
      case DestinationPattern.PortRange several -> message.setDestination(several.words());
      case DestinationPattern.Written several -> message.setDestination(several.words());
    }
    var evidence = known.evidence();
    if (evidence != null) {
      message
          .setConnections(evidence.connections())
          .setReplicas(evidence.replicas().size())
          .setHours(evidence.hours().size())
          .setDays(
              Math.toIntExact(
                  evidence.hours().stream()
                      .map(hour -> Math.floorDiv(hour, 24L))
                      .distinct()
                      .count()))
          .setFirstSeen(timestamp(evidence.first()))
          .setLastSeen(timestamp(evidence.last()));
    }
    message
        .setJson(BaselineJson.write(known.edge()))
        .setGrant(SignedBaseline.grantOf(known.owner(), known.edge()))
        .setNeedsApprover(!InMesh.holds(known.edge().destination()))
        .setStrictness(known.edge().strictness().name().toLowerCase(Locale.ROOT));
    if (known.acknowledgement() != null) {
      message.setAcknowledged(LifeMessages.acknowledgement(known.acknowledgement()));
    }
    if (known.expires() != null) {
      message.setExpires(timestamp(known.expires()));
    }
    return message.build();
  }

  static DecisionRecord decision(CheckRecord answered) {
    var decision = answered.decision();
    var flow = answered.flow();
    var message =
        DecisionRecord.newBuilder()
            .setId(answered.decisionId())
            .setTraceId(answered.traceId())
            .setTime(timestamp(answered.time()))
            .setVerdict(decision.applied().word())
            .setReason(decision.applied() instanceof Deny(_, var reason) ? reason.code() : "")
            .setShadowVerdict(decision.shadow() == null ? "" : decision.shadow().word())
            .setMode(decision.mode().word())
            .setExplanation(
                explanation(decision, flow)
                    + (answered.late() ? "; which process it was became known later" : ""));
    if (answered.workload() != null) {
      message.setOwner(answered.workload().owner().toString());
    }
    if (answered.reporter() != null) {
      message.setSpiffeId(answered.reporter().toString());
    }
    if (flow != null) {
      message
          .setSpiffeId(flow.spiffeId().toString())
          .setDestination(flow.resolved().destination().name())
          .setPort(flow.resolved().destination().port())
          .setRung(flow.attribution().foundBy().letter())
          .addAllRemarks(flow.attribution().remarks());
    }
    var process = decision.subject();
    if (process != null) {
      message
          .setProcess(process.fingerprint().words())
          .setFingerprintId(process.fingerprintId())
          .setQuality(process.quality().name().toLowerCase(Locale.ROOT));
    }
    return message.build();
  }

  private static String explanation(Decision decision, @Nullable Flow flow) {
    var destination = flow == null ? NOWHERE : flow.resolved().destination();
    if (decision.applied() instanceof Deny deny) {
      return Explanation.of(deny, decision.subject(), destination);
    }
    if (decision.shadow() instanceof Deny deny) {
      return "the next baseline would deny it ("
          + deny.reason().code()
          + "): "
          + Explanation.of(deny, decision.subject(), destination);
    }
    if (flow == null && decision.mode() == Mode.ENFORCE) {
      return "a request that came in, and nothing is wrong with it";
    }
    return decision.applied() instanceof Allow(var edge) && edge != null
        ? "allowed by " + edge.words() + " (" + edge.provenance().words() + ")"
        : "nothing had to allow it: mode " + decision.mode().word();
  }
}
